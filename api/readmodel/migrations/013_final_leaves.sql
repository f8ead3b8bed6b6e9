-- Final verdicts have leaves of the proof log, and verdicts say where whose word they are was changed last. The store is emptied and
-- filled again from the ledger.

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
DELETE FROM finding_changes;
DELETE FROM master_data;
DELETE FROM elements;
DELETE FROM elements_in_force;
DELETE FROM element_terms;
DELETE FROM devices;
DELETE FROM segments;
DELETE FROM associations;
DELETE FROM links;
DELETE FROM link_keys;
DELETE FROM lots;
DELETE FROM policies;
DELETE FROM verdicts;
DELETE FROM shipments;
DELETE FROM governed;
DELETE FROM notes;
DELETE FROM receipts;
DELETE FROM receipt_accounts;
DELETE FROM tasks;
DELETE FROM task_seats;
DELETE FROM task_parts;
DELETE FROM blended;
DELETE FROM scoring_entries;
DELETE FROM scoring_sums;
DELETE FROM anchors;
DELETE FROM log_findings;
DELETE FROM log_blocks;
DELETE FROM log_tiles;
DELETE FROM totals;
DELETE FROM position;
DROP TABLE finals;
DROP TABLE overruled;

-- What stands for a window. pos is its place among the facts.
CREATE TABLE finals (
    shipment  TEXT NOT NULL,
    window_no BIGINT NOT NULL,
    model     TEXT NOT NULL,
    pos       BIGINT NOT NULL,
    msp_id    TEXT NOT NULL,
    value     BLOB NOT NULL,
    PRIMARY KEY (shipment, window_no, model)
) /*clustered*/;

-- Verdicts that one organisation had recorded where another became final. verdicts then holds the final one, by its place.
CREATE TABLE overruled (
    pos       BIGINT PRIMARY KEY,
    shipment  TEXT NOT NULL,
    window_no BIGINT NOT NULL,
    model     TEXT NOT NULL,
    final     SMALLINT NOT NULL,
    level     SMALLINT NOT NULL,
    verdict   TEXT NOT NULL,
    UNIQUE (shipment, window_no, model)
);

-- The place of the verdict, or of what changed whose word it is.
ALTER TABLE verdicts ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX verdicts_by_change ON verdicts (changed);
