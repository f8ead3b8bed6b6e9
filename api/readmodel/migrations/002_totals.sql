-- Items and shipments are counted as they come, like the other facts.

INSERT INTO totals (name, value) SELECT 'items', COUNT(*) FROM items WHERE EXISTS (SELECT 1 FROM position);
INSERT INTO totals (name, value) SELECT 'shipments', COUNT(*) FROM shipments WHERE EXISTS (SELECT 1 FROM position);
