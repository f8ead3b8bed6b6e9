package readmodel

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// dialect is what differs from one database to another.
type dialect struct {
	// name is the database's name for people.
	name string
	// clustered ends the definition of a table that is stored in the order of its primary key.
	clustered string
	// place is the type of a primary key that is a position.
	place string
	// blob and text are the types of bytes and of text that compares byte by byte.
	blob, text string
	// numbered says that parameters are $1, $2 and so on.
	numbered bool
	// versioned asks whether the store has a table schema_version: 1, or 0.
	versioned string
	// lock ends a question whose row is about to be changed.
	lock string
	// reading is a transaction that sees one state of the store.
	reading sql.TxOptions
	// rows bounds the rows of one statement. Each size of statement is planned anew, so there are few.
	rows []int
	// parameters bounds the parameters of one statement.
	parameters int
	// copies says that rows without conflict can be streamed into a table.
	copies bool
	// loads says how a store that is built anew takes in rows of spread keys; waiting asks how many tables of
	// a name take theirs in so; beforeSort and afterSort prepare the connection for sorting them.
	loads                 loads
	waiting               string
	beforeSort, afterSort []string
}

// loads is a way to take in many rows whose keys come in no order.
type loads uint8

const (
	loadsByKey      loads = iota
	loadsAside            // into a table without key, from which they are sorted into their own
	loadsWithoutKey       // into their own table, which gets its key afterwards
)

// rewrite turns the statements of a migration into the database's own.
func (d dialect) rewrite(statements string) string {
	return strings.NewReplacer("/*clustered*/", d.clustered, " BLOB", " "+d.blob, " TEXT", " "+d.text, " BIGINT PRIMARY KEY", " "+d.place+" PRIMARY KEY").Replace(statements)
}

// bind turns the question marks of a statement into the database's parameters. No statement of this
// package has a question mark of another meaning.
func (d dialect) bind(statement string) string {
	if !d.numbered {
		return statement
	}
	var b strings.Builder
	b.Grow(len(statement) + 32)
	for n := 1; ; n++ {
		before, after, found := strings.Cut(statement, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		statement = after
	}
}

// querier asks questions written with question marks.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// asker binds questions for the database that they go to.
type asker struct {
	dialect dialect
	on      querier
}

func (a asker) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return a.on.QueryRowContext(ctx, a.dialect.bind(query), args...)
}

func (a asker) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return a.on.QueryContext(ctx, a.dialect.bind(query), args...)
}
