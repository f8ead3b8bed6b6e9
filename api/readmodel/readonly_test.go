package readmodel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

func bottleShipped(t *testing.T) []Block {
	t.Helper()
	c := newChain(1)
	for n := range 3 {
		c.add(tx(fmt.Sprint("a", n), wire.Transaction{
			Events: []wire.RecordedEvent{recorded(t, objectEvent(fmt.Sprintf("2026-03-01T10:00:%02dZ", n), bottle, stepShip))},
			Items:  []ledger.ItemState{{EPC: bottle, LastAt: ledger.Millis(n)}},
		}))
	}
	return c.all()
}

func TestAStoreThatIsOpenedToReadIsNeitherMigratedNorWrittenTo(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		keeper := k.open(t)
		if err := keeper.Apply(t.Context(), bottleShipped(t)...); err != nil {
			t.Fatal(err)
		}
		reader, err := OpenReadOnly(t.Context(), keeper.cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		want, err := keeper.Progress(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := reader.Progress(t.Context()); err != nil || got != want || got.Height == 0 {
			t.Errorf("%+v, %v; the keeper has %+v", got, err, want)
		}
		if reader.SchemaVersion() != keeper.SchemaVersion() {
			t.Errorf("schema %d", reader.SchemaVersion())
		}
		for _, statement := range []string{`UPDATE schema_version SET version = 1`, `DELETE FROM position`, `CREATE TABLE more (one BIGINT)`} {
			if _, err := reader.write.ExecContext(t.Context(), statement); err == nil {
				t.Errorf("%s: it wrote", statement)
			}
			if _, err := reader.read.ExecContext(t.Context(), statement); err == nil {
				t.Errorf("%s: it wrote", statement)
			}
		}
		if err := reader.Unchanged(t.Context()); err != nil {
			t.Error(err)
		}

		present := keeper.SchemaVersion()
		for version, want := range map[int]error{present - 1: ErrOlder, present + 1: ErrNewer, 0: ErrOlder} {
			if _, err := keeper.write.ExecContext(t.Context(), fmt.Sprintf(`UPDATE schema_version SET version = %d`, version)); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenReadOnly(t.Context(), keeper.cfg); !errors.Is(err, want) {
				t.Errorf("version %d: %v", version, err)
			}
			if err := reader.Unchanged(t.Context()); !errors.Is(err, want) {
				t.Errorf("version %d, opened before: %v", version, err)
			}
			var now int
			if err := keeper.write.QueryRowContext(t.Context(), `SELECT version FROM schema_version`).Scan(&now); err != nil || now != version {
				t.Errorf("version %d was made %d: %v", version, now, err)
			}
		}
		if got, err := keeper.Progress(t.Context()); err != nil || got != want {
			t.Errorf("the keeper's store changed to %+v: %v", got, err)
		}
	})
}

func TestAStoreThatIsNotMadeIsNotMadeByReadingIt(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		cfg := k.fresh(t)
		if cfg.Path != "" {
			if _, err := OpenReadOnly(t.Context(), cfg); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(cfg.Path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("it was made: %v", err)
			}
			if err := os.WriteFile(cfg.Path, nil, 0o600); err != nil { // as SQLite leaves it before the first table
				t.Fatal(err)
			}
		}
		if _, err := OpenReadOnly(t.Context(), cfg); !errors.Is(err, ErrOlder) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAStoreThatNobodyKeepsAnyMoreIsReadAllTheSame(t *testing.T) {
	cfg := Config{Path: filepath.Join(t.TempDir(), "store.db")}
	keeper, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := keeper.Apply(t.Context(), bottleShipped(t)...); err != nil {
		t.Fatal(err)
	}
	height, _ := keeper.Changed()
	if err := keeper.Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := OpenReadOnly(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if p, err := reader.Progress(t.Context()); err != nil || p.Height != height {
		t.Errorf("%+v, %v", p, err)
	}
}
