-- What the query language asks by. The store is emptied and filled again from the ledger.

DELETE FROM contexts;
DELETE FROM events;
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

DROP INDEX events_by_time;
DROP INDEX events_by_step;

-- An entry is what a query may answer with: an event, or a later declaration that it was in error.
-- Event times are microseconds.
CREATE TABLE entries (
    pos         BIGINT PRIMARY KEY,
    event_time  BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX entries_by_event_time ON entries (event_time, pos);
CREATE INDEX entries_by_record_time ON entries (recorded_at, pos);

-- A term is the beginning of a digest of a field and its value. Two terms may meet by chance, so
-- what is found by a term is looked at before it is given.
CREATE TABLE event_terms (
    term BIGINT NOT NULL,
    pos  BIGINT NOT NULL,
    PRIMARY KEY (term, pos)
) /*clustered*/;

CREATE TABLE event_numbers (
    field BIGINT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    pos   BIGINT NOT NULL,
    PRIMARY KEY (field, value, pos)
) /*clustered*/;

CREATE TABLE vocabulary (
    resource SMALLINT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (resource, value)
) /*clustered*/;
