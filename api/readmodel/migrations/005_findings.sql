-- Findings as they stand, with every change of them, and master data. The store is emptied and filled again
-- from the ledger.

DELETE FROM contexts;
DELETE FROM events;
DELETE FROM index_waiting;
DELETE FROM index_parts;
DELETE FROM index_terms;
DELETE FROM index_numbers;
DELETE FROM vocabulary;
DELETE FROM bodies;
DELETE FROM event_epcs;
DELETE FROM restatements;
DELETE FROM items;
DELETE FROM findings;
DELETE FROM devices;
DELETE FROM segments;
DELETE FROM associations;
DELETE FROM policies;
DELETE FROM verdicts;
DELETE FROM shipments;
DELETE FROM totals;
DELETE FROM position;
DELETE FROM links;
DELETE FROM link_keys;
DELETE FROM lots;

DROP TABLE findings;

-- pos is that of the change that raised the finding first, changed that of the latest.
CREATE TABLE findings (
    pos      BIGINT PRIMARY KEY,
    code     TEXT NOT NULL,
    item     TEXT NOT NULL,
    event    BLOB NOT NULL,
    other    BLOB,
    detail   TEXT NOT NULL,
    tx_id    TEXT NOT NULL,
    severity SMALLINT NOT NULL,
    open     SMALLINT NOT NULL,
    changed  BIGINT NOT NULL,
    finding  TEXT NOT NULL
);
CREATE UNIQUE INDEX findings_by_event ON findings (event, code, item);
CREATE INDEX findings_by_item ON findings (item, pos);
CREATE INDEX findings_by_code ON findings (code, pos);

CREATE TABLE finding_changes (
    pos     BIGINT PRIMARY KEY,
    event   BLOB NOT NULL,
    code    TEXT NOT NULL,
    item    TEXT NOT NULL,
    finding TEXT NOT NULL
);
CREATE INDEX finding_changes_by_event ON finding_changes (event, code, item, pos);

-- waiting is the digest of rules that wait for approvals, empty for what is in force.
CREATE TABLE master_data (
    kind      TEXT NOT NULL,
    id        TEXT NOT NULL,
    version   BIGINT NOT NULL,
    waiting   TEXT NOT NULL,
    owner     TEXT NOT NULL,
    window_ms BIGINT NOT NULL,
    tx_id     TEXT NOT NULL,
    datum     TEXT NOT NULL,
    PRIMARY KEY (kind, id, version, waiting)
) /*clustered*/;

-- The shipping whose receipt is still to come, if there is one.
ALTER TABLE items ADD COLUMN shipped_at BIGINT;
ALTER TABLE items ADD COLUMN shipped_from TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN shipped_to TEXT NOT NULL DEFAULT '';
CREATE INDEX items_awaited ON items (shipped_at, epc) WHERE shipped_at IS NOT NULL;
