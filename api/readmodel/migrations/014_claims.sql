-- What scorers claim that tasks leave out. value is the ledger's own encoding of it, pos the place of the claim or its refutation.
CREATE TABLE task_claims (
    task    TEXT NOT NULL,
    account TEXT NOT NULL,
    pos     BIGINT NOT NULL,
    refuted SMALLINT NOT NULL,
    value   BLOB NOT NULL,
    PRIMARY KEY (task, account)
) /*clustered*/;
