-- What organisations govern: credits and models. A value is the ledger's own encoding of it.

-- id and sub name it among those of its kind; owner is the organisation (MSP ID) that it belongs to.
CREATE TABLE governed (
    kind  TEXT NOT NULL,
    id    TEXT NOT NULL,
    sub   TEXT NOT NULL,
    owner TEXT NOT NULL,
    tx_id TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (kind, id, sub)
) /*clustered*/;

-- Credit notes. made and spent are positions among the receipts; spent is null of what is unspent.
CREATE TABLE notes (
    tx_id   TEXT NOT NULL,
    idx     BIGINT NOT NULL,
    owner   TEXT NOT NULL,
    amount  BIGINT NOT NULL,
    purpose SMALLINT NOT NULL,
    made    BIGINT NOT NULL,
    spent   BIGINT,
    note    BLOB NOT NULL,
    PRIMARY KEY (tx_id, idx)
) /*clustered*/;
CREATE INDEX notes_by_owner ON notes (owner, tx_id, idx) WHERE spent IS NULL;

CREATE TABLE receipts (
    pos       BIGINT PRIMARY KEY,
    operation TEXT NOT NULL,
    kind      SMALLINT NOT NULL,
    receipt   BLOB NOT NULL
);
CREATE UNIQUE INDEX receipts_by_operation ON receipts (operation);

-- Whom a receipt concerns: who asked, whose notes it spent and whose it made.
CREATE TABLE receipt_accounts (
    account TEXT NOT NULL,
    pos     BIGINT NOT NULL,
    PRIMARY KEY (account, pos)
) /*clustered*/;
