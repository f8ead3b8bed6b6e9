package readmodel

import (
	"context"
	"database/sql"
	"slices"
	"strings"
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
	width := len(t.columns)
	if w.store.dialect.copies && t.merge == "" && len(values) >= copyFrom*width {
		return copyRows(w.ctx, w.conn, t, values)
	}
	for _, size := range w.store.dialect.rows {
		if len(values) < size*width {
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

// count tells how many of the keys, each listed once, are in a column that is a primary key.
func (w writer) count(table, column string, keys []string) (int64, error) {
	const atOnce = 200
	var total int64
	for part := range slices.Chunk(keys, atOnce) {
		args := make([]any, atOnce)
		for i := range args {
			args[i] = part[min(i, len(part)-1)] // one more of the same counts nothing, and the statement stays the same
		}
		var n int64
		question := "SELECT COUNT(*) FROM " + table + " WHERE " + column + " IN (?" + strings.Repeat(", ?", atOnce-1) + ")"
		if err := (asker{w.store.dialect, w.tx}).QueryRowContext(w.ctx, question, args...).Scan(&n); err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
