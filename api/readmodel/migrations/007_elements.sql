-- What organisations state of vocabulary elements of EPCIS master data. The store is emptied and filled again
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
DELETE FROM finding_changes;
DELETE FROM master_data;
DELETE FROM devices;
DELETE FROM segments;
DELETE FROM associations;
DELETE FROM links;
DELETE FROM link_keys;
DELETE FROM lots;
DELETE FROM policies;
DELETE FROM verdicts;
DELETE FROM shipments;
DELETE FROM anchors;
DELETE FROM log_findings;
DELETE FROM log_blocks;
DELETE FROM log_tiles;
DELETE FROM totals;
DELETE FROM position;

CREATE TABLE elements (
    id        TEXT NOT NULL,
    type      TEXT NOT NULL,
    msp_id    TEXT NOT NULL,
    stated_at BIGINT NOT NULL,
    content   BLOB NOT NULL,
    set_at    BIGINT NOT NULL,
    tx_id     TEXT NOT NULL,
    context   BLOB,
    body      BLOB NOT NULL,
    PRIMARY KEY (id, type, msp_id, stated_at, content)
);

-- The statement of each organisation that is in force.
CREATE TABLE elements_in_force (
    id        TEXT NOT NULL,
    type      TEXT NOT NULL,
    msp_id    TEXT NOT NULL,
    stated_at BIGINT NOT NULL,
    content   BLOB NOT NULL,
    PRIMARY KEY (id, type, msp_id)
) /*clustered*/;

-- Which identifiers were ever said to have an attribute, or a value of it.
CREATE TABLE element_terms (
    term BIGINT NOT NULL,
    id   TEXT NOT NULL,
    PRIMARY KEY (term, id)
) /*clustered*/;
