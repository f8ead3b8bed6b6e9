package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/panel"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/fabric/fabrictest"
)

// modelShelf is a ledger's models, as a peer tells them.
type modelShelf struct {
	mu      sync.Mutex
	aliases map[string]ledger.Alias
	models  map[string]wire.StoredModel
	chunks  map[string][]byte
	away    bool // no peer answers
}

func (s *modelShelf) Evaluate(_ context.Context, function string, arguments ...[]byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := string(arguments[0])
	if s.away {
		return nil, &fabric.Error{Op: "evaluate", Kind: fabric.ErrUnavailable}
	}
	switch function {
	case wire.FnGetAlias:
		if a, ok := s.aliases[name]; ok {
			return wire.Encode(a)
		}
	case wire.FnGetModel:
		if m, ok := s.models[name]; ok {
			return wire.Encode(m)
		}
	case wire.FnGetChunk:
		if c, ok := s.chunks[name]; ok {
			return c, nil
		}
	}
	return nil, fabrictest.Refuse(ledger.CodeNotFound, name)
}

// add puts a version on the ledger.
func (s *modelShelf) add(t *testing.T, id string, version uint32, state ledger.ModelState) *score.Model {
	t.Helper()
	shipped, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	p := shipped.Parameters()
	p.ID = id
	p.Alpha += int64(version)
	m, err := score.NewModel(p)
	if err != nil {
		t.Fatal(err)
	}
	chunks, digests, err := ledger.CutArtefact(m.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range chunks {
		s.chunks[digests[i].String()] = c
	}
	ref := ledger.ModelRef{ID: id, Version: version}
	s.models[ref.String()] = wire.StoredModel{
		Version: ledger.ModelVersion{ID: id, Version: version, Artefact: m.Digest(), Size: uint64(len(m.Bytes())), Chunks: digests},
		Status:  ledger.ModelStatus{Model: ref, Artefact: m.Digest(), State: state},
	}
	return m
}

func (s *modelShelf) serve(id string, version, generation uint32) ledger.Alias {
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := ledger.ModelRef{ID: id, Version: version}
	a := ledger.Alias{Class: "*", Generation: generation, Model: ref, Artefact: s.models[ref.String()].Version.Artefact}
	s.aliases["*"] = a
	return a
}

func (s *modelShelf) revoke(ref string) ledger.Revocation {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.models[ref]
	m.Revocation = &ledger.Revocation{Model: m.Version.Ref(), Artefact: m.Version.Artefact}
	s.models[ref] = m
	return *m.Revocation
}

// player is a judge whose work the test tells.
type player struct {
	model      string
	checkpoint string
	ends       func(wire.Transaction) bool

	mu   sync.Mutex
	st   panel.Stats
	runs bool
}

func (p *player) Run(ctx context.Context) error {
	p.mu.Lock()
	p.runs = true
	p.mu.Unlock()
	<-ctx.Done()
	p.mu.Lock()
	p.runs = false
	p.mu.Unlock()
	return os.WriteFile(p.checkpoint, []byte("checkpoint"), 0o600)
}

func (p *player) Stats() panel.Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.st
}

func (p *player) set(change func(*panel.Stats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.st)
}

func (p *player) works() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runs
}

// see hands a transaction over as the stream would.
func (p *player) see(tx wire.Transaction) {
	if p.ends(tx) {
		p.set(func(st *panel.Stats) { st.Scorer.Ended = true })
	}
}

// theatre is scorers whose judges are players.
type theatre struct {
	*scorers

	done    chan error // what Run gave
	mu      sync.Mutex
	players []*player
}

func perform(t *testing.T, shelf *modelShelf, name, dir string) (th *theatre, end func() error) {
	t.Helper()
	named, err := parseModelName(name)
	if err != nil {
		t.Fatal(err)
	}
	th = &theatre{scorers: newScorers(named, dir, shelf, slog.New(slog.DiscardHandler)), done: make(chan error, 1)}
	th.every, th.soon = time.Millisecond, time.Millisecond
	th.run = func(ctx context.Context, j judge) {
		if err := j.Run(ctx); err != nil {
			t.Error(err)
		}
	}
	th.make = func(m *score.Model, checkpoint string, ends func(wire.Transaction) bool) (judge, error) {
		p := &player{model: m.Name(), checkpoint: checkpoint, ends: ends}
		th.mu.Lock()
		defer th.mu.Unlock()
		th.players = append(th.players, p)
		return p, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { th.done <- th.Run(ctx) }()
	t.Cleanup(cancel)
	return th, func() error {
		cancel()
		return <-th.done
	}
}

// player waits for a judge by a model that runs.
func (th *theatre) player(t *testing.T, model string) *player {
	t.Helper()
	var found *player
	wait(t, "a scorer by "+model, func() bool {
		th.mu.Lock()
		defer th.mu.Unlock()
		for _, p := range th.players {
			if p.model == model && p.works() {
				found = p
			}
		}
		return found != nil
	})
	return found
}

// wait polls until something holds.
func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited too long for %s", what)
		}
	}
}

func newShelf() *modelShelf {
	return &modelShelf{aliases: map[string]ledger.Alias{}, models: map[string]wire.StoredModel{}, chunks: map[string][]byte{}}
}

func left(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "scorer-*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestTheScorerGoesOnByTheVersionThatAClassMovesTo(t *testing.T) {
	shelf, dir := newShelf(), t.TempDir()
	one, two := shelf.add(t, "fridge", 1, ledger.ModelProduction), shelf.add(t, "fridge", 2, ledger.ModelProduction)
	shelf.serve("fridge", 1, 1)
	th, end := perform(t, shelf, "production:*", dir)
	first := th.player(t, one.Name())
	first.set(func(st *panel.Stats) { st.Open = 3 })

	tx := wire.Transaction{Models: wire.ModelRecords{Aliases: []ledger.Alias{shelf.serve("fridge", 2, 2)}}}
	first.see(tx)
	second := th.player(t, two.Name())
	if second.checkpoint == first.checkpoint {
		t.Error("both have one checkpoint")
	}
	if !first.works() {
		t.Error("the first left what it took part in")
	}
	first.set(func(st *panel.Stats) { st.Open = 0 })
	wait(t, "the end of the first", func() bool { return !first.works() })
	wait(t, "its files to go", func() bool { return len(left(t, dir)) == 1 }) // the second's model

	// Back to the first, by rollback: a new scorer, which begins at the beginning.
	second.see(wire.Transaction{Models: wire.ModelRecords{Aliases: []ledger.Alias{shelf.serve("fridge", 1, 3)}}})
	third := th.player(t, one.Name())
	if third == first || third.checkpoint == first.checkpoint {
		t.Error("the old scorer goes on")
	}
	if th.trouble() != "" {
		t.Error(th.trouble())
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// count waits until as many judges were made.
func (th *theatre) count(t *testing.T, n int) []*player {
	t.Helper()
	var all []*player
	wait(t, fmt.Sprintf("%d scorers", n), func() bool {
		th.mu.Lock()
		defer th.mu.Unlock()
		all = slices.Clone(th.players)
		return len(all) >= n && all[n-1].works()
	})
	return all
}

func TestAVersionThatComesBackStillEndsWhatItTookPartInBefore(t *testing.T) {
	shelf, dir := newShelf(), t.TempDir()
	one := shelf.add(t, "fridge", 1, ledger.ModelProduction)
	shelf.add(t, "fridge", 2, ledger.ModelProduction)
	shelf.serve("fridge", 1, 1)
	th, end := perform(t, shelf, "production:*", dir)
	first := th.player(t, one.Name())
	first.set(func(st *panel.Stats) { st.Open = 3 })
	first.see(wire.Transaction{Models: wire.ModelRecords{Aliases: []ledger.Alias{shelf.serve("fridge", 2, 2)}}})
	second := th.count(t, 2)[1]
	back := wire.Transaction{Models: wire.ModelRecords{Aliases: []ledger.Alias{shelf.serve("fridge", 1, 3)}}}
	first.see(back)
	second.see(back)
	third := th.count(t, 3)[2]
	if third.model != one.Name() || third.checkpoint == first.checkpoint {
		t.Errorf("the third is by %s and has %s, the first %s", third.model, third.checkpoint, first.checkpoint)
	}
	wait(t, "the end of the second, which holds nothing", func() bool { return !second.works() })
	if !first.works() {
		t.Error("the first left what it committed to")
	}

	// So it is after a start anew.
	if err := end(); err != nil {
		t.Fatal(err)
	}
	th, end = perform(t, shelf, "production:*", dir)
	again := th.count(t, 2)
	if again[0].checkpoint != first.checkpoint || again[1].checkpoint != third.checkpoint {
		t.Errorf("it goes on from %s and %s", again[0].checkpoint, again[1].checkpoint)
	}
	again[0].set(func(st *panel.Stats) { st.Open = 1 })
	again[0].see(back)
	again[0].set(func(st *panel.Stats) { st.Open = 0 })
	wait(t, "the end of the first", func() bool { return !again[0].works() })
	if !again[1].works() {
		t.Error("nobody judges by what serves")
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

func TestOfTooManyVersionsTheOneWithTheLeastToLoseGoes(t *testing.T) {
	shelf := newShelf()
	one := shelf.add(t, "fridge", 1, ledger.ModelProduction)
	shelf.serve("fridge", 1, 1)
	th, end := perform(t, shelf, "production:*", t.TempDir())
	th.player(t, one.Name()).set(func(st *panel.Stats) { st.Open = 9 })
	for g := uint32(2); g <= maxSeats+1; g++ {
		shelf.add(t, "fridge", g, ledger.ModelProduction)
		shelf.serve("fridge", g, g)
		th.count(t, int(g))[g-1].set(func(st *panel.Stats) { st.Open = int(g) })
	}
	all := th.count(t, maxSeats+1)
	wait(t, "the second to go", func() bool { return !all[1].works() })
	for _, i := range []int{0, 2, 3} {
		if !all[i].works() {
			t.Errorf("generation %d is gone", i+1)
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

func TestAServerThatWasStoppedInTheMiddleOfAMoveEndsWhatItTookPartIn(t *testing.T) {
	shelf, dir := newShelf(), t.TempDir()
	one, two := shelf.add(t, "fridge", 1, ledger.ModelProduction), shelf.add(t, "fridge", 2, ledger.ModelProduction)
	shelf.serve("fridge", 1, 1)
	th, end := perform(t, shelf, "production:*", dir)
	checkpoint := th.player(t, one.Name()).checkpoint
	if err := end(); err != nil {
		t.Fatal(err)
	}
	alias := shelf.serve("fridge", 2, 2) // while it is down
	th, end = perform(t, shelf, "production:*", dir)
	first := th.player(t, one.Name())
	if first.checkpoint != checkpoint {
		t.Errorf("it goes on from %s, which is not %s", first.checkpoint, checkpoint)
	}
	th.player(t, two.Name())
	first.see(wire.Transaction{Models: wire.ModelRecords{Aliases: []ledger.Alias{alias}}})
	wait(t, "the end of the first", func() bool { return !first.works() })
	if err := end(); err != nil {
		t.Error(err)
	}
}

func TestNothingIsJudgedByARevokedVersion(t *testing.T) {
	for _, name := range []string{"production:*", "fridge/1"} {
		t.Run(name, func(t *testing.T) {
			shelf := newShelf()
			one := shelf.add(t, "fridge", 1, ledger.ModelProduction)
			shelf.serve("fridge", 1, 1)
			th, end := perform(t, shelf, name, t.TempDir())
			p := th.player(t, one.Name())
			p.see(wire.Transaction{Models: wire.ModelRecords{Revocations: []ledger.Revocation{shelf.revoke("fridge/1")}}})
			wait(t, "trouble", func() bool {
				return strings.Contains(th.trouble(), ledger.CodeModelBlocked) && strings.Contains(th.trouble(), "fridge/1 was revoked")
			})
			if !p.works() {
				t.Error("nobody reads what becomes of the class")
			}
			if name == "production:*" {
				two := shelf.add(t, "fridge", 2, ledger.ModelProduction)
				shelf.serve("fridge", 2, 2)
				th.player(t, two.Name())
				wait(t, "no trouble", func() bool { return th.trouble() == "" })
			}
			if err := end(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestADeprecatedVersionFinishesWhatItBegan(t *testing.T) {
	shelf := newShelf()
	one := shelf.add(t, "fridge", 1, ledger.ModelApproved)
	th, end := perform(t, shelf, "fridge/1", t.TempDir())
	p := th.player(t, one.Name())
	shelf.add(t, "fridge", 1, ledger.ModelDeprecated)
	wait(t, "trouble", func() bool { return strings.Contains(th.trouble(), "fridge/1 is deprecated") })
	if !p.works() {
		t.Error("what it committed to is not revealed")
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

func TestWhatTheLedgerDoesNotHaveEndsTheServer(t *testing.T) {
	shelf := newShelf()
	shelf.add(t, "fridge", 1, ledger.ModelEvaluated)
	shelf.add(t, "chest", 1, ledger.ModelDeprecated)
	for name, code := range map[string]string{
		"production:*": codeNoModel, "fridge/2": codeNoModel, "fridge/1": ledger.CodeModelBlocked, "chest/1": ledger.CodeModelBlocked,
	} {
		th, _ := perform(t, shelf, name, t.TempDir())
		failed, ok := errors.AsType[*failure](<-th.done)
		if !ok || failed.code != code || failed.exit != exitRefused {
			t.Errorf("%s: %v", name, failed)
		}
	}
}

func TestAnArtefactThatIsNotTheLedgersIsNotJudgedBy(t *testing.T) {
	shelf := newShelf()
	one := shelf.add(t, "fridge", 1, ledger.ModelProduction)
	shelf.serve("fridge", 1, 1)
	shelf.mu.Lock()
	digest := shelf.models["fridge/1"].Version.Chunks[0].String()
	honest := shelf.chunks[digest]
	shelf.chunks[digest] = []byte("something else")
	shelf.mu.Unlock()
	th, end := perform(t, shelf, "production:*", t.TempDir())
	wait(t, "trouble", func() bool { return strings.Contains(th.trouble(), "for the artefact of fridge/1") })
	shelf.mu.Lock()
	shelf.chunks[digest], shelf.away = honest, true
	shelf.mu.Unlock()
	wait(t, "other trouble", func() bool { return !strings.Contains(th.trouble(), "for the artefact of fridge/1") })
	shelf.mu.Lock()
	shelf.away = false
	shelf.mu.Unlock()
	th.player(t, one.Name())
	if err := end(); err != nil {
		t.Error(err)
	}
}

func TestModelsAreNamedByFileVersionOrAlias(t *testing.T) {
	file := filepath.Join(t.TempDir(), "model.json")
	m, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, m.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"": m.Name(), file: m.Name(), "fridge/2": "fridge/2", "production:*": "production:*",
		"production:https://id.gs1.org/01/09521321000018": "production:https://id.gs1.org/01/09521321000018",
	} {
		if got, err := parseModelName(name); err != nil || got.String() != want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	for _, name := range []string{"production:", "production:insulin", "missing.json", "fridge/0"} {
		failed, ok := errors.AsType[*failure](func() error { _, err := parseModelName(name); return err }())
		if !ok || failed.code != codeUsage {
			t.Errorf("%s: %v", name, fmt.Sprint(failed))
		}
	}
}
