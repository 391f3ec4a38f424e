/** Of a sale whose books in stock Redis make no sense: what is wrong, and what mends it. */
export const unreadableText = (saleId: string, error: Error): string =>
  `${error.message}; the services pause it. mend: seckill sale pause ${saleId}, then seckill stock rebuild ${saleId}`;
