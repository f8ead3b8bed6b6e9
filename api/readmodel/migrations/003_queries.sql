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
-- Entries lie in parts, each of whole blocks, that are written once, when there are enough for one.
-- What has no part yet waits block by block.
CREATE TABLE index_waiting (
    block    BIGINT PRIMARY KEY,
    entries  BIGINT NOT NULL,
    content  BLOB NOT NULL
);

-- A part is named by the place of its last entry. Event times are microseconds. The last columns hold
-- a value for each entry.
CREATE TABLE index_parts (
    part          BIGINT PRIMARY KEY,
    first         BIGINT NOT NULL,
    entries       BIGINT NOT NULL,
    event_low     BIGINT NOT NULL,
    event_high    BIGINT NOT NULL,
    recorded_low  BIGINT NOT NULL,
    recorded_high BIGINT NOT NULL,
    positions     BLOB NOT NULL,
    recorded      BLOB NOT NULL,
    event_times   BLOB NOT NULL
);

-- A term is the beginning of a digest of a field and its value. Two terms may meet by chance, so
-- what is found by a term is looked at before it is given. Members are entries of the part.
CREATE TABLE index_terms (
    term    BIGINT NOT NULL,
    part    BIGINT NOT NULL,
    members BLOB NOT NULL,
    PRIMARY KEY (term, part)
) /*clustered*/;

CREATE TABLE index_numbers (
    field   BIGINT NOT NULL,
    part    BIGINT NOT NULL,
    low     DOUBLE PRECISION NOT NULL,
    high    DOUBLE PRECISION NOT NULL,
    members BLOB NOT NULL,
    PRIMARY KEY (field, part)
) /*clustered*/;

CREATE TABLE vocabulary (
    resource SMALLINT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (resource, value)
) /*clustered*/;
