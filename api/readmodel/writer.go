package readmodel

import (
	"context"
	"database/sql"
)

// writer writes rows within one database transaction.
type writer struct {
	ctx   context.Context //nolint:containedctx // lives as long as the one transaction that made it
	store *Store
	conn  *sql.Conn
	tx    *sql.Tx
	stmts map[string]*sql.Stmt // closed with the transaction
}

// copyFrom is how many rows make a stream into a table worth its round trips.
const copyFrom = 32

// insert writes rows, given as the values of the table's columns one row after the other.
func (w writer) insert(t table, values []any) error {
	if t.spread && w.store.loading && w.store.dialect.loads == loadsAside {
		t = t.aside()
	}
	width := len(t.columns)
	if w.store.dialect.copies && t.merge == "" && len(values) >= copyFrom*width {
		return copyRows(w.ctx, w.conn, t, values)
	}
	for _, size := range w.store.dialect.rows {
		if len(values) < size*width || size*width > w.store.dialect.parameters {
			continue
		}
		statement := t.insert(size)
		for len(values) >= size*width {
			if err := w.exec(statement, values[:size*width]...); err != nil {
				return err
			}
			values = values[size*width:]
		}
	}
	return nil
}

// exec runs a statement that changes rows.
func (w writer) exec(statement string, args ...any) error {
	if w.store.dialect.numbered { // such a driver keeps its statements prepared by itself
		_, err := w.tx.ExecContext(w.ctx, w.store.dialect.bind(statement), args...)
		return err
	}
	st, ok := w.stmts[statement]
	if !ok {
		var err error
		if st, err = w.tx.PrepareContext(w.ctx, statement); err != nil {
			return err
		}
		w.stmts[statement] = st
	}
	_, err := st.ExecContext(w.ctx, args...)
	return err
}

// insertNew writes the rows whose key, a text in the first column, is not there yet, and gives the keys
// that were written. It asks no question that a database might answer by reading the whole table.
func (w writer) insertNew(t table, values []any) (fresh map[string]bool, err error) {
	fresh = map[string]bool{}
	t.merge = "(" + t.columns[0] + ") DO NOTHING RETURNING " + t.columns[0]
	width := len(t.columns)
	for _, size := range w.store.dialect.rows {
		if len(values) < size*width || size*width > w.store.dialect.parameters {
			continue
		}
		statement := t.insert(size)
		for len(values) >= size*width {
			err := each(w.ctx, asker{w.store.dialect, w.tx}, func(rows *sql.Rows) error {
				var key string
				defer func() { fresh[key] = true }()
				return rows.Scan(&key)
			}, statement, values[:size*width]...)
			if err != nil {
				return nil, err
			}
			values = values[size*width:]
		}
	}
	return fresh, nil
}
