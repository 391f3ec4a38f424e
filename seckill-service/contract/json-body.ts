/** True for `application/json` with any parameters, in any case (RFC 9110, 8.3.1). The edge's twin is in nginx-lua/lua/seckill/office/request.lua. */
export function isJsonType(contentType: string | null | undefined): boolean {
  return contentType?.split(';')[0]?.trim().toLowerCase() === 'application/json';
}
