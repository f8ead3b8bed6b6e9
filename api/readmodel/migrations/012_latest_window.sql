-- The latest verdict on a shipment is that of its last window: several scorers' verdicts become final in any order.
ALTER TABLE shipments ADD COLUMN latest_window BIGINT;
