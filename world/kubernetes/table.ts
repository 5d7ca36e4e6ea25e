// The server's own way of printing: a Table with the columns of the kind, and in each row as much of the object as was asked for.
import type { ApiObject, Kind } from './kinds.ts'

/** @param includeObject `Object`, `None`, or partial metadata when null. */
export function tableOf(kind: Kind, objects: readonly ApiObject[], includeObject: string | null, resourceVersion?: string): object {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: resourceVersion ?? objects[0]?.metadata.resourceVersion ?? '' },
    columnDefinitions: [
      column('Name', 'string', 'name'),
      ...kind.columns.map(({ name }) => column(name, 'string', '')),
      column('Age', 'string', ''),
    ],
    rows: objects.map(object => ({
      cells: [object.metadata.name, ...kind.columns.map(({ read }) => read(object)), '1s'],
      object:
        includeObject === 'None'
          ? undefined
          : includeObject === 'Object'
            ? object
            : { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata },
    })),
  }
}

function column(name: string, type: string, format: string): object {
  return { name, type, format, description: name, priority: 0 }
}
