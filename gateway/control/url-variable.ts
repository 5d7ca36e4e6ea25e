// The variable by which a job finds a connection's endpoint.

/** `orders-db` -> `SALLYPORT_ORDERS_DB_URL`. */
export function urlVariable(name: string): string {
  return `SALLYPORT_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_URL`
}
