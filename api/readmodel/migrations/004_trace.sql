-- What ties identifiers together. Stays in containers are not stored: they follow from the links of an
-- item in the order of event times, so that a late event or a declaration of error changes no row here.
-- The store is emptied and filled again from the ledger.

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

-- A link is the parent and the members of an aggregation, association or transformation.
CREATE TABLE links (
    pos  BIGINT PRIMARY KEY,
    link BLOB NOT NULL
);

-- Events by what event_epcs does not find them by: 1 a transformationID, 2 the container that a DELETE
-- without children empties, 3 a lot that the master data tells of a class.
CREATE TABLE link_keys (
    kind SMALLINT NOT NULL,
    key  TEXT NOT NULL,
    pos  BIGINT NOT NULL,
    PRIMARY KEY (kind, key, pos)
) /*clustered*/;

-- The instances of a lot that the events of a block name.
CREATE TABLE lots (
    lot     TEXT NOT NULL,
    block   BIGINT NOT NULL,
    members BLOB NOT NULL,
    PRIMARY KEY (lot, block)
) /*clustered*/;
