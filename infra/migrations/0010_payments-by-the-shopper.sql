-- Up Migration

-- What the shopper does next to pay (contract/payment.ts, PaymentNext), said again when asked again; why it was declined, as the
-- shopper is told; and who took the money: the payment provider, or the shop's own checkout.
ALTER TABLE payments
  ADD COLUMN next     jsonb,
  ADD COLUMN declined text,
  ADD COLUMN taken_by text NOT NULL DEFAULT 'provider' CHECK (taken_by IN ('provider', 'shop'));

-- Down Migration

ALTER TABLE payments DROP COLUMN next, DROP COLUMN declined, DROP COLUMN taken_by;
