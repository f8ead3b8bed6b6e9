package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/api/servertest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/blocks"
)

// storeRig is a state folder whose read model holds a small ledger.
type storeRig struct {
	dir    string
	ledger *servertest.Ledger
}

func newStoreRig(t *testing.T) storeRig {
	t.Helper()
	r := storeRig{dir: t.TempDir(), ledger: servertest.NewLedger()}
	for n := range uint32(5) {
		r.ledger.RecordVerdicts(ledger.Verdict{Shipment: "https://id.gs1.org/00/095213210000000012", Window: n, Model: "rules@1", Level: ledger.Clear})
	}
	return r
}

func (r storeRig) file() string { return filepath.Join(r.dir, "serve", "carrier", "readmodel.db") }

func (r storeRig) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = (&app{ledger: r.ledger}).run(t.Context(), append([]string{"store", "--dir", r.dir, "--org", "carrier"}, args...), strings.NewReader(""), &out, &errOut)
	return code, out.String(), errOut.String()
}

func (r storeRig) change(t *testing.T, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", r.file())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func lastObject(t *testing.T, out string) map[string]any {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var object map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &object); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	return object
}

func TestStoreIsBuiltCheckedSpoiltAndMended(t *testing.T) {
	r := newStoreRig(t)
	code, out, stderr := r.run(t, "rebuild", "--json")
	if o := lastObject(t, out); code != exitOK || o["height"] != 6.0 {
		t.Fatalf("first build: exit %d, %s %s", code, out, stderr)
	}
	code, out, stderr = r.run(t, "check", "--json")
	sound := lastObject(t, out)
	if code != exitOK || sound["differences"] != 0.0 || sound["digest"] != sound["wanted"] || sound["height"] != 6.0 {
		t.Fatalf("check: exit %d, %s %s", code, out, stderr)
	}
	r.change(t, "UPDATE verdicts SET level = 3 WHERE window_no = 2")
	r.change(t, "DELETE FROM shipments")
	code, out, stderr = r.run(t, "check")
	if code != exitRefused || !strings.Contains(stderr, "WB_STORE_DIFFERS") || !strings.Contains(stderr, "2 rows") ||
		!strings.Contains(out, "altered  verdicts pos=3/0: level\n") || !strings.Contains(out, "missing  shipments id=https://id.gs1.org/00/095213210000000012\n") {
		t.Errorf("check of a spoilt store: exit %d\n%s\n%s", code, out, stderr)
	}
	code, out, _ = r.run(t, "check", "--json")
	if first, _, _ := strings.Cut(out, "\n"); code != exitRefused || first != `{"change":"altered","table":"verdicts","key":"pos=3/0","fields":["level"]}` {
		t.Errorf("check for programs: exit %d, %s", code, out)
	}
	code, out, stderr = r.run(t, "rebuild")
	if code != exitOK || !strings.Contains(out, "the old one differed in 2 rows") {
		t.Errorf("rebuild: exit %d, %s %s", code, out, stderr)
	}
	code, out, _ = r.run(t, "check", "--json")
	if mended := lastObject(t, out); code != exitOK || mended["digest"] != sound["digest"] {
		t.Errorf("check after the rebuild: exit %d, %s", code, out)
	}
	if code, out, _ = r.run(t, "rebuild", "--json"); code != exitOK || lastObject(t, out)["differences"] != 0.0 || lastObject(t, out)["digest"] != sound["digest"] {
		t.Errorf("second rebuild: exit %d, %s", code, out)
	}
}

func TestRebuildRefusesAStoreInUse(t *testing.T) {
	r := newStoreRig(t)
	for _, role := range []string{roleAPI, roleReadModel} {
		release, err := lockState(filepath.Dir(r.file()), role, "waybill serve")
		if err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := r.run(t, "rebuild"); code != exitRefused || !strings.Contains(stderr, "WB_STATE_LOCKED") || !strings.Contains(stderr, fmt.Sprintf("waybill serve (process %d) holds the role %s", os.Getpid(), role)) {
			t.Errorf("%s: exit %d, %s", role, code, stderr)
		}
		release()
		if release, err = lockState(filepath.Dir(r.file()), role, "waybill store rebuild"); err != nil {
			t.Fatal(err)
		}
		_, err = lockState(filepath.Dir(r.file()), role, "waybill serve")
		if err == nil || !strings.Contains(err.Error(), "waybill store rebuild (process") {
			t.Errorf("%s: %v", role, err)
		}
		release()
	}
}

func TestCheckOfAnotherLedgersStoreSaysSo(t *testing.T) {
	r := newStoreRig(t)
	if code, _, stderr := r.run(t, "rebuild"); code != exitOK {
		t.Fatal(stderr)
	}
	r.ledger = servertest.NewLedger() // shorter
	if code, _, stderr := r.run(t, "check"); code != exitRefused || !strings.Contains(stderr, "WB_STORE_FOREIGN") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// grownLedger had fewer blocks when it was first asked for its height.
type grownLedger struct {
	*servertest.Ledger
	asked bool
}

func (l *grownLedger) Height(ctx context.Context) (uint64, error) {
	height, err := l.Ledger.Height(ctx)
	if !l.asked {
		l.asked = true
		height--
	}
	return height, err
}

func TestCheckTakesWhatAServerReadMeanwhileForNoOtherLedger(t *testing.T) {
	r := newStoreRig(t)
	if code, _, stderr := r.run(t, "rebuild"); code != exitOK {
		t.Fatal(stderr)
	}
	var out, errOut bytes.Buffer
	code := (&app{ledger: &grownLedger{Ledger: r.ledger}}).run(t.Context(), []string{"store", "--dir", r.dir, "--org", "carrier", "check"}, strings.NewReader(""), &out, &errOut)
	if code != exitOK {
		t.Errorf("exit %d, %s", code, errOut.String())
	}
}

func TestTheLocationOfAStoreIsAURLOrNothing(t *testing.T) {
	r := newStoreRig(t)
	for _, location := range []string{"mysql://u:secret@h/db", "readmodel.db", "secret"} {
		if code, _, stderr := r.run(t, "check", "--store", location); code != exitUsage || !strings.Contains(stderr, "--store") || strings.Contains(stderr, "secret") {
			t.Errorf("%s: exit %d, %s", location, code, stderr)
		}
	}
	code, _, stderr := r.run(t, "check", "--store", "postgres://waybill:secret@127.0.0.1:1/waybill?connect_timeout=1")
	if code != exitUnavailable || !strings.Contains(stderr, "WB_STORE_UNAVAILABLE") || strings.Contains(stderr, "secret") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if c, err := storeConfig("dir", ""); err != nil || c.Path != filepath.Join("dir", "readmodel.db") || c.Postgres != "" {
		t.Errorf("%+v, %v", c, err)
	}
	if !readmodel.IsPostgres("postgresql://h/db") {
		t.Error("postgresql:// is PostgreSQL's too")
	}
}

func TestAPeerThatServesTamperedBlocksIsNamedOnceAndFailsTheCommand(t *testing.T) {
	var found tamperings
	tampered := func(peer string, block uint64) error {
		return fmt.Errorf("reading: %w", &blocks.TamperedError{Block: block, Peer: peer, What: "data hash"})
	}
	if found.add(errors.New("connection refused")) {
		t.Error("a peer that is down tampers with nothing")
	}
	var out bytes.Buffer
	if err := (&app{}).sayTampered(&out, &found); err != nil || out.Len() > 0 {
		t.Fatal(err, out.String())
	}
	for range 3 {
		if !found.add(tampered("peer0.carrier", 7)) || !found.add(tampered("peer1.carrier", 9)) {
			t.Fatal("not taken in")
		}
	}
	err := (&app{}).sayTampered(&out, &found)
	if f := classify(t.Context(), err, true); f.exit != exitRefused || f.code != "WB_BLOCK_TAMPERED" || !strings.Contains(f.Error(), "peer0.carrier, peer1.carrier served 2 blocks") {
		t.Errorf("%+v", f)
	}
	if want := "tampered block 7 from peer0.carrier: data hash\ntampered block 9 from peer1.carrier: data hash\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
	out.Reset()
	err = (&app{json: true}).sayTampered(&out, &found)
	if want := `{"change":"tampered","peer":"peer0.carrier","block":7,"what":"data hash"}`; err == nil || !strings.HasPrefix(out.String(), want+"\n") {
		t.Errorf("%v %s", err, out.String())
	}
}
