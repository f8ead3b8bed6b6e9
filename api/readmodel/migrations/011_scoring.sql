-- Scoring by several organisations. Places of what is done with tasks are counted by themselves, as those of receipts are.
-- Digests are hexadecimal. A value is the ledger's own encoding of it.

-- changed is the place of what was done to the task last, phase where that left it.
CREATE TABLE tasks (
    id        TEXT PRIMARY KEY,
    pos       BIGINT NOT NULL,
    shipment  TEXT NOT NULL,
    window_no BIGINT NOT NULL,
    model     TEXT NOT NULL,
    phase     SMALLINT NOT NULL,
    changed   BIGINT NOT NULL,
    task      BLOB NOT NULL
);
CREATE UNIQUE INDEX tasks_by_pos ON tasks (pos);
CREATE UNIQUE INDEX tasks_by_change ON tasks (changed);
CREATE INDEX tasks_by_phase ON tasks (phase, pos);
CREATE INDEX tasks_by_shipment ON tasks (shipment, window_no, pos);

-- Who is on the panel of which task; pos is the task's.
CREATE TABLE task_seats (
    account TEXT NOT NULL,
    pos     BIGINT NOT NULL,
    PRIMARY KEY (account, pos)
) /*clustered*/;

-- Commitments, closings, reveals, provisional answers, settlements and inspections; account is empty where there is one of a task.
CREATE TABLE task_parts (
    task    TEXT NOT NULL,
    kind    SMALLINT NOT NULL,
    account TEXT NOT NULL,
    pos     BIGINT NOT NULL,
    value   BLOB NOT NULL,
    PRIMARY KEY (task, kind, account)
) /*clustered*/;

-- What stands for a window.
CREATE TABLE finals (
    shipment  TEXT NOT NULL,
    window_no BIGINT NOT NULL,
    model     TEXT NOT NULL,
    pos       BIGINT NOT NULL,
    value     BLOB NOT NULL,
    PRIMARY KEY (shipment, window_no, model)
) /*clustered*/;

-- Models whose answers went into a final verdict of several models; pos is the final verdict's.
CREATE TABLE blended (
    model     TEXT NOT NULL,
    pos       BIGINT NOT NULL,
    shipment  TEXT NOT NULL,
    window_no BIGINT NOT NULL,
    PRIMARY KEY (model, pos)
) /*clustered*/;

-- Verdicts that one organisation had recorded where another became final. verdicts then holds the final one, by its place.
CREATE TABLE overruled (
    pos       BIGINT PRIMARY KEY,
    shipment  TEXT NOT NULL,
    window_no BIGINT NOT NULL,
    model     TEXT NOT NULL,
    verdict   TEXT NOT NULL,
    UNIQUE (shipment, window_no, model)
);
CREATE INDEX verdicts_by_model ON verdicts (model, pos);

-- The ledgers of stakes, rewards and reputation. pos is that of the receipt, or of what was done with the task. A task's outcome for a
-- scorer has one row, which moves when an answer is revealed after the task has ended.
CREATE TABLE scoring_entries (
    account TEXT NOT NULL,
    pos     BIGINT NOT NULL,
    kind    SMALLINT NOT NULL,
    task    TEXT NOT NULL,
    cause   TEXT NOT NULL,
    amount  BIGINT NOT NULL,
    bonded  BIGINT NOT NULL,
    brier   BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    tx_id   TEXT NOT NULL,
    PRIMARY KEY (account, pos, kind, task)
) /*clustered*/;
CREATE INDEX scoring_entries_by_pos ON scoring_entries (pos, kind, account, task);
CREATE INDEX scoring_entries_by_task ON scoring_entries (task, pos, kind, account);

-- Sums of the entries of an account.
CREATE TABLE scoring_sums (
    account   TEXT PRIMARY KEY,
    rewarded  BIGINT NOT NULL,
    found     BIGINT NOT NULL,
    slashed   BIGINT NOT NULL,
    right_n   BIGINT NOT NULL,
    wrong_n   BIGINT NOT NULL,
    other_n   BIGINT NOT NULL,
    silent_n  BIGINT NOT NULL,
    truths    BIGINT NOT NULL,
    brier     BIGINT NOT NULL,
    tasks     BIGINT NOT NULL
);
