// What a PostgreSQL type looks like on the wire, as far as a mask must know it. Unknown types (enums, domains seen from outside,
// extensions) are `other`: a mask answers NULL for them, because any text might be invalid.

export type TypeShape =
  | 'text'
  | 'xml'
  | 'json'
  | 'jsonb'
  | 'bytea'
  | 'bool'
  | 'int2'
  | 'int4'
  | 'int8'
  | 'float4'
  | 'float8'
  | 'numeric'
  | 'uuid'
  | 'date'
  | 'time'
  | 'timetz'
  | 'timestamp'
  | 'timestamptz'
  | 'interval'
  | 'inet'
  | 'cidr'
  | 'macaddr'
  | 'oid'
  | 'array'
  | 'range'
  | 'multirange'
  | 'other'

/** pg_type.oid of the built-in types; these numbers never change. */
const shapes: ReadonlyMap<number, TypeShape> = new Map<number, TypeShape>([
  [16, 'bool'],
  [17, 'bytea'],
  [19, 'text'],
  [20, 'int8'],
  [21, 'int2'],
  [23, 'int4'],
  [25, 'text'],
  [26, 'oid'],
  [114, 'json'],
  [142, 'xml'],
  [650, 'cidr'],
  [700, 'float4'],
  [701, 'float8'],
  [705, 'text'],
  [774, 'other'],
  [829, 'macaddr'],
  [869, 'inet'],
  [1042, 'text'],
  [1043, 'text'],
  [1082, 'date'],
  [1083, 'time'],
  [1114, 'timestamp'],
  [1184, 'timestamptz'],
  [1186, 'interval'],
  [1266, 'timetz'],
  [1700, 'numeric'],
  [2950, 'uuid'],
  [3802, 'jsonb'],
  ...[3904, 3906, 3908, 3910, 3912, 3926].map((oid): [number, TypeShape] => [oid, 'range']),
  ...[4451, 4532, 4533, 4534, 4535, 4536].map((oid): [number, TypeShape] => [oid, 'multirange']),
  ...[
    143, 199, 629, 651, 719, 775, 791, 1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015, 1016, 1017,
    1018, 1019, 1020, 1021, 1022, 1023, 1024, 1025, 1026, 1027, 1028, 1034, 1040, 1041, 1115, 1182, 1183, 1185, 1187, 1231, 1263, 1270,
    1561, 1563, 2201, 2207, 2208, 2209, 2210, 2211, 2287, 2949, 2951, 3221, 3643, 3644, 3645, 3735, 3770, 3807, 3905, 3907, 3909, 3911,
    3913, 3927, 4073, 4090, 4097, 6150, 6151, 6152, 6153, 6155, 6157,
  ].map((oid): [number, TypeShape] => [oid, 'array']),
])

export function typeShape(oid: number): TypeShape {
  return shapes.get(oid) ?? 'other'
}
