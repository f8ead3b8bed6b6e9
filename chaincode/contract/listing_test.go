package contract_test

import (
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// blocks are the scenario's transactions as who reads the ledger gets them, a block each.
func (s *scenario) blocks() []readmodel.Block {
	out := []readmodel.Block{{Hash: sha256.Sum256([]byte{0})}}
	for i, c := range s.committed {
		last := out[len(out)-1]
		out = append(out, readmodel.Block{
			Number: last.Number + 1, Previous: last.Hash, Hash: sha256.Sum256([]byte{byte(i + 1), byte((i + 1) >> 8)}),
			Transactions: []readmodel.Recorded{{TxID: c.id, MSPID: c.who, At: ledger.MillisOf(c.at), Transaction: transaction(s.t, c.stub)}},
		})
	}
	return out
}

// schema is a schema of its own in the database that WAYBILL_TEST_POSTGRES names.
func schema(t *testing.T) readmodel.Config {
	t.Helper()
	dsn := os.Getenv("WAYBILL_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("WAYBILL_TEST_POSTGRES names no PostgreSQL database to test on; `make postgres` starts one")
	}
	suffix := make([]byte, 8)
	rand.Read(suffix)
	name := "scenario_" + hex.EncodeToString(suffix)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := db.Exec("DROP SCHEMA " + name + " CASCADE")
		if err != nil || db.Close() != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return readmodel.Config{Postgres: u.String()}
}

// What the contract keeps of every scenario is what is listed of it, on each database.
func TestFindingsOfScenariosAreListedAsTheContractKeepsThem(t *testing.T) {
	texts := scenarios(t)
	for database, fresh := range map[string]func(t *testing.T) readmodel.Config{
		"sqlite": func(t *testing.T) readmodel.Config {
			return readmodel.Config{Path: filepath.Join(t.TempDir(), "store.db")}
		},
		"postgres": schema,
	} {
		for name, text := range texts {
			t.Run(database+"/"+strings.TrimSuffix(name, ".txt"), func(t *testing.T) {
				cfg := fresh(t)
				s := newScenario(t)
				s.play(name, text)
				store, err := readmodel.Open(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				defer store.Close()
				if err := store.Apply(t.Context(), s.blocks()...); err != nil {
					t.Fatal(err)
				}
				listed := 0
				for _, open := range []bool{true, false} {
					found, err := store.Findings(t.Context(), readmodel.FindingFilter{Open: open, Closed: !open}, readmodel.Page{Limit: 1000})
					if err != nil {
						t.Fatal(err)
					}
					var got []ledger.Finding
					for _, f := range found.Rows {
						got = append(got, f.Finding)
					}
					want := s.c.findings(t, open)
					for _, f := range want {
						if !slices.Contains(got, f) {
							t.Errorf("not listed as it is kept: %+v\n%+v", f, got)
						}
					}
					if len(got) != len(want) {
						t.Errorf("%d are listed and %d kept", len(got), len(want))
					}
					listed += len(got)
				}
				if listed == 0 && name != "who_may_register.txt" {
					t.Error("a scenario of findings that has none")
				}
			})
		}
	}
}
