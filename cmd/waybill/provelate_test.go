package main

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/analytics/panel"
	"github.com/waybill-dev/waybill/api/anchor"
	"github.com/waybill-dev/waybill/api/readmodel"
)

func TestAScorerFindsTheProofLogOfAnotherProcessOnceItIsThere(t *testing.T) {
	l := &lateLog{
		store: readmodel.Config{Path: filepath.Join(t.TempDir(), "readmodel.db")},
		log:   anchor.Config{Channel: "waybill", MSPID: "AMSP", Organisations: []string{"AMSP", "BMSP"}},
	}
	if _, err := l.Prove(t.Context(), panel.Question{Keys: []string{"x"}}); !errors.Is(err, errNoLog) || l.opened != nil {
		t.Fatal(err)
	}
	other, err := readmodel.Open(t.Context(), l.store)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for range 2 {
		if _, err := l.Prove(t.Context(), panel.Question{Keys: []string{"x"}}); !errors.Is(err, panel.ErrNotAnchored) {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestAScorerLeavesAReadModelOfAnotherVersionAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "readmodel.db")
	other, err := readmodel.Open(t.Context(), readmodel.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	keeper, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer keeper.Close()
	for _, opened := range []bool{false, true} {
		l := &lateLog{
			store: readmodel.Config{Path: path},
			log:   anchor.Config{Channel: "waybill", MSPID: "AMSP", Organisations: []string{"AMSP", "BMSP"}},
		}
		if _, err := keeper.ExecContext(t.Context(), `UPDATE schema_version SET version = ?`, other.SchemaVersion()); err != nil {
			t.Fatal(err)
		}
		if opened {
			if _, err := l.Prove(t.Context(), panel.Question{Keys: []string{"x"}}); !errors.Is(err, panel.ErrNotAnchored) {
				t.Fatal(err)
			}
		}
		for version, want := range map[int]error{other.SchemaVersion() - 1: readmodel.ErrOlder, other.SchemaVersion() + 1: readmodel.ErrNewer, other.SchemaVersion(): panel.ErrNotAnchored} {
			if _, err := keeper.ExecContext(t.Context(), `UPDATE schema_version SET version = ?`, version); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Prove(t.Context(), panel.Question{Keys: []string{"x"}}); !errors.Is(err, want) {
				t.Errorf("schema %d, opened before: %t: %v", version, opened, err)
			}
			var now int
			if err := keeper.QueryRowContext(t.Context(), `SELECT version FROM schema_version`).Scan(&now); err != nil || now != version {
				t.Errorf("schema %d was made %d: %v", version, now, err)
			}
			if !opened {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
				l.opened, l.prove = nil, nil
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}
