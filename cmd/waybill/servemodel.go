package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waybill-dev/waybill/analytics/panel"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
)

// codeNoModel says that nothing on the ledger is of the name that a server was told to judge by.
const codeNoModel = "WB_NO_MODEL"

// modelNamed is what a server was told to judge by: a model at hand, a version on the ledger, or whichever version
// serves a product class there.
type modelNamed struct {
	model *score.Model
	ref   ledger.ModelRef
	class string
}

func (n modelNamed) String() string {
	switch {
	case n.model != nil:
		return n.model.Name()
	case n.class != "":
		return ledger.AliasProduction + ":" + n.class
	default:
		return n.ref.String()
	}
}

// parseModelName reads the value of --model: a file, if there is one of that name, a version or an alias.
func parseModelName(name string) (modelNamed, error) {
	class, isAlias := strings.CutPrefix(name, ledger.AliasProduction+":")
	if _, err := os.Stat(name); name == "" || err == nil {
		m, err := readModel(name)
		return modelNamed{model: m}, err
	}
	if isAlias {
		if err := ledger.CheckModelMotion(ledger.ModelMotion{Promote: &ledger.PromoteModel{Model: ledger.ModelRef{ID: "model", Version: 1}, Class: class}}); err != nil {
			return modelNamed{}, usage("--model: %s", err)
		}
		return modelNamed{class: class}, nil
	}
	ref, err := ledger.ParseModelRef(name)
	if err != nil {
		return modelNamed{}, usage("--model: %q is neither a file nor the name of a version, such as fridge/2, nor an alias, such as production:*", name)
	}
	return modelNamed{ref: ref}, nil
}

// judge is a scorer with its model.
type judge interface {
	Run(ctx context.Context) error
	Stats() panel.Stats
}

// newJudge makes a scorer by a model, with the path of its checkpoint. ends is asked of every transaction, see scorer.Config.
type newJudge func(m *score.Model, checkpoint string, ends func(wire.Transaction) bool) (judge, error)

// modelLedger is what following a model needs of a peer.
type modelLedger interface {
	Evaluate(ctx context.Context, function string, arguments ...[]byte) ([]byte, error)
}

// scorers are those of a server: one, and while a product class changes its version also those of the versions
// before, until what they took part in is at its end.
//
// A version's scorer is asked for nothing that falls due after the transaction that gives the class to another or takes
// the version back. What fell due before is brought to its end, since a commitment that is not revealed costs stake, and a
// lie that nobody challenges stands. The next version's begins at the ledger's first block, as that of any new model, so
// that no window lies between the two.
type scorers struct {
	named  modelNamed
	dir    string // for checkpoints, and models that are followed
	ledger modelLedger
	make   newJudge
	run    func(ctx context.Context, j judge) // until the context is done
	log    *slog.Logger
	// every is how often a peer is asked which version serves, beside what the blocks say; soon, until it has answered.
	every, soon time.Duration

	news     chan struct{}
	promised atomic.Uint32 // the latest generation that a block was seen to have
	latest   atomic.Pointer[judge]

	mu    sync.Mutex
	quiet string // why nothing is judged; empty: something is

	seats map[uint32]*scorerSeat // by generation, the loop's own
}

// scorerSeat is a scorer that runs.
type scorerSeat struct {
	judge judge
	model *score.Model
	stop  func() // waits for its end
}

// newScorers makes what has no scorer yet; run and make are to be set.
func newScorers(named modelNamed, dir string, l modelLedger, log *slog.Logger) *scorers {
	return &scorers{named: named, dir: dir, ledger: l, log: log, every: aliasEvery, soon: firstRestart, news: make(chan struct{}, 1), seats: map[uint32]*scorerSeat{}}
}

const (
	aliasEvery = 10 * time.Second
	// maxSeats bounds the versions that run at once: each holds the shipments under judgement.
	maxSeats = 3
)

// trouble says why nothing is judged; empty: something is.
func (c *scorers) trouble() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.quiet
}

func (c *scorers) setTrouble(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.quiet == text {
		return
	}
	c.quiet = text
	if text != "" {
		c.log.Warn("nothing is judged", "model", c.named.String(), "why", text)
	}
}

// stats are the figures of the latest scorer.
func (c *scorers) stats() panel.Stats {
	if j := c.latest.Load(); j != nil {
		return (*j).Stats()
	}
	return panel.Stats{}
}

// Run judges until the context is done, which is no error, or until there is nothing of the name that was asked for.
func (c *scorers) Run(ctx context.Context) error {
	if c.named.model != nil {
		j, err := c.make(c.named.model, filepath.Join(c.dir, "scorer.checkpoint"), nil)
		if err != nil {
			return err
		}
		c.latest.Store(&j)
		c.run(ctx, j)
		return nil
	}
	defer func() {
		for _, seat := range c.seats {
			seat.stop()
		}
	}()
	c.resume(ctx)
	wait, pause := time.Duration(0), c.soon
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-c.news:
			timer.Stop()
		case <-timer.C:
		}
		generation, stored, err := c.serving(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && c.latest.Load() == nil && final(err):
			return err
		case err == nil:
			err = c.take(ctx, generation, stored)
		}
		c.tell(generation, stored, err)
		c.retire(generation)
		if wait = c.every; err != nil || generation < c.promised.Load() {
			wait, pause = pause, min(2*pause, c.every)
		} else {
			pause = c.soon
		}
	}
}

// final reports whether a second try will not mend an error.
func final(err error) bool {
	_, ok := errors.AsType[*failure](err)
	return ok
}

// tell says what is wrong, if anything is.
func (c *scorers) tell(generation uint32, stored wire.StoredModel, err error) {
	seat := c.seats[generation]
	switch {
	case err != nil && c.latest.Load() == nil:
		c.setTrouble(err.Error())
	case err != nil:
		c.log.Warn("which model serves is not known", "model", c.named.String(), "error", err)
	case stored.Revocation != nil || seat != nil && seat.judge.Stats().Scorer.Ended:
		c.setTrouble(fmt.Sprintf("%s: %s was revoked; nothing is judged until %s", ledger.CodeModelBlocked, stored.Version.Ref(), c.remedy()))
	case seat == nil || !mayServe(stored.State()):
		c.setTrouble(fmt.Sprintf("%s: %s is %s; nothing is judged until %s", ledger.CodeModelBlocked, stored.Version.Ref(), stored.State(), c.remedy()))
	default:
		c.setTrouble("")
	}
}

func (c *scorers) remedy() string {
	if c.named.class == "" {
		return "the server is started again with another --model"
	}
	return fmt.Sprintf("another version is promoted for %s, or it is rolled back", c.named.class)
}

// serving asks a peer which version is to judge, and how it stands. The first generation of a version that is named is 1.
func (c *scorers) serving(ctx context.Context) (uint32, wire.StoredModel, error) {
	generation, ref := uint32(1), c.named.ref
	var artefact *ledger.Digest
	if c.named.class != "" {
		raw, err := c.ledger.Evaluate(ctx, wire.FnGetAlias, []byte(c.named.class))
		if err != nil {
			return 0, wire.StoredModel{}, missing(err, "promote one with `waybill model promote`, or name a version or a file", "no version serves %s", c.named.class)
		}
		alias, err := wire.Decode[ledger.Alias](raw, ledger.MaxArgumentBytes)
		if err != nil {
			return 0, wire.StoredModel{}, err
		}
		generation, ref, artefact = alias.Generation, alias.Model, &alias.Artefact
	}
	raw, err := c.ledger.Evaluate(ctx, wire.FnGetModel, []byte(ref.String()))
	if err != nil {
		return 0, wire.StoredModel{}, missing(err, "`waybill model list` has those there are", "the ledger has no version %s", ref)
	}
	stored, err := wire.Decode[wire.StoredModel](raw, ledger.MaxArgumentBytes)
	if err != nil {
		return 0, stored, err
	}
	if stored.Version.Ref() != ref || artefact != nil && stored.Version.Artefact != *artefact {
		return 0, stored, fmt.Errorf("a peer gives %s with artefact %s for %s", stored.Version.Ref(), stored.Version.Artefact, c.named)
	}
	if c.named.class == "" && !mayServe(stored.State()) && c.latest.Load() == nil {
		return 0, stored, fail(exitRefused, ledger.CodeModelBlocked, "two other organisations approve it first, or name another version", "%s is %s, no verdict may be begun by it", ref, stored.State())
	}
	return generation, stored, nil
}

// mayServe reports whether a scorer may begin by a version; one that sits when its version is deprecated finishes what it
// began.
func mayServe(s ledger.ModelState) bool {
	return s == ledger.ModelApproved || s == ledger.ModelProduction
}

// missing makes an answer that there is no such thing the end.
func missing(err error, hint, format string, args ...any) error {
	if refusal, ok := errors.AsType[*fabric.Error](err); ok && refusal.Code == ledger.CodeNotFound {
		return fail(exitRefused, codeNoModel, hint, format, args...)
	}
	return err
}

// artefact reads a version's artefact, held to the digests on the ledger.
func (c *scorers) artefact(ctx context.Context, v ledger.ModelVersion) (*score.Model, error) {
	var content []byte
	for _, digest := range v.Chunks {
		chunk, err := c.ledger.Evaluate(ctx, wire.FnGetChunk, []byte(digest.String()))
		if err != nil {
			return nil, err
		}
		if len(content)+len(chunk) > ledger.MaxArtefactBytes {
			return nil, fmt.Errorf("the artefact of %s is larger than the ledger takes", v.Ref())
		}
		content = append(content, chunk...)
	}
	if sum := sha256.Sum256(content); ledger.Digest(sum) != v.Artefact {
		return nil, fmt.Errorf("a peer gives %x for the artefact of %s, which is %s", sum, v.Ref(), v.Artefact)
	}
	m, err := score.ParseModel(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.Ref(), err)
	}
	if m.Digest() != v.Artefact || m.Parameters().ID != v.ID {
		return nil, fmt.Errorf("the artefact of %s calls itself %s", v.Ref(), m.Name())
	}
	return m, nil
}

// take seats the version that serves, unless it sits or may not.
func (c *scorers) take(ctx context.Context, generation uint32, stored wire.StoredModel) error {
	for g := range c.seats {
		if g >= generation && c.latest.Load() != nil {
			return nil // it sits, or the peer is behind
		}
	}
	if !mayServe(stored.State()) {
		return nil
	}
	m, err := c.artefact(ctx, stored.Version)
	if err != nil {
		return err
	}
	// A version that comes back has a second scorer beside the one that sits: while the new one reads the ledger from its
	// beginning, only the old one can reveal in time what it committed to. Both have one account and one secret, so that
	// what both do is one operation twice.
	for len(c.seats) >= maxSeats {
		c.leave(c.idlest())
	}
	if err := replaceFile(c.path(generation, "model"), m.Bytes()); err != nil {
		return err
	}
	if err := c.sit(ctx, generation, m); err != nil {
		return err
	}
	c.log.Info("judges by", "model", stored.Version.Ref().String(), "artefact", m.Digest().String(), "asked_for", c.named.String(), "generation", generation)
	return nil
}

// sit starts a scorer.
func (c *scorers) sit(ctx context.Context, generation uint32, m *score.Model) error {
	j, err := c.make(m, c.path(generation, "checkpoint"), c.ends(generation, m.Digest()))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { c.run(ctx, j) })
	c.seats[generation] = &scorerSeat{judge: j, model: m, stop: func() {
		cancel()
		running.Wait()
	}}
	c.latest.Store(&j)
	return nil
}

// idlest is the generation whose scorer has the least to lose, of several the oldest.
func (c *scorers) idlest() uint32 {
	least, open := uint32(0), 0
	for _, g := range slices.Sorted(maps.Keys(c.seats)) {
		st := c.seats[g].judge.Stats()
		if n := st.Open + st.Scorer.Pending; least == 0 || n < open {
			least, open = g, n
		}
	}
	if open > 0 {
		c.log.Warn("a model is given up before all it took part in is at its end: too many versions came after it", "model", c.seats[least].model.Name(), "left", open)
	}
	return least
}

// leave stops a scorer for good.
func (c *scorers) leave(generation uint32) {
	c.seats[generation].stop()
	delete(c.seats, generation)
	c.forget(generation)
}

func (c *scorers) forget(generation uint32) {
	for _, kind := range []string{"model", "checkpoint"} {
		if err := os.Remove(c.path(generation, kind)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.log.Warn("a file of a model that serves no more stays", "error", err)
		}
	}
}

// ends reports whether a transaction ends a version's time.
func (c *scorers) ends(generation uint32, artefact ledger.Digest) func(wire.Transaction) bool {
	return func(tx wire.Transaction) bool {
		over := false
		for _, a := range tx.Models.Aliases {
			if a.Class == c.named.class && a.Generation > generation {
				over = true
				for seen := c.promised.Load(); seen < a.Generation && !c.promised.CompareAndSwap(seen, a.Generation); seen = c.promised.Load() {
				}
			}
		}
		for _, r := range tx.Models.Revocations {
			over = over || r.Artefact == artefact
		}
		if over {
			select {
			case c.news <- struct{}{}:
			default:
			}
		}
		return over
	}
}

// retire ends the scorers of earlier generations that have nothing left to do.
func (c *scorers) retire(generation uint32) {
	for g, seat := range c.seats {
		st := seat.judge.Stats()
		if g < generation && len(c.seats) > 1 && st.Scorer.Ended && st.Scorer.Pending == 0 && st.Open == 0 {
			c.log.Info("a model's last verdicts are at their end", "model", seat.model.Name())
			c.leave(g)
		}
	}
}

// path names a file of a generation of what is followed.
func (c *scorers) path(generation uint32, kind string) string {
	return filepath.Join(c.dir, fmt.Sprintf("%s%d.%s", c.prefix(), generation, kind))
}

func (c *scorers) prefix() string {
	sum := sha256.Sum256([]byte(c.named.String()))
	return "scorer-" + hex.EncodeToString(sum[:6]) + "-"
}

// resume seats again those who sat when the process ended: what they committed to is to be revealed.
func (c *scorers) resume(ctx context.Context) {
	files, err := filepath.Glob(filepath.Join(c.dir, c.prefix()+"*.model"))
	if err != nil {
		return // the pattern is well formed
	}
	generations := map[uint32]string{}
	for _, file := range files {
		text := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), c.prefix()), ".model")
		if g, err := strconv.ParseUint(text, 10, 32); err == nil {
			generations[uint32(g)] = file
		}
	}
	for _, g := range slices.Sorted(maps.Keys(generations)) {
		m, err := readModel(generations[g])
		if err == nil {
			err = c.sit(ctx, g, m)
		}
		if err != nil {
			c.log.Warn("a model that this server judged by cannot be used", "file", generations[g], "error", err)
			c.forget(g)
		}
	}
}

// replaceFile writes a file so that a crash leaves the old one or the new one.
func replaceFile(path string, content []byte) error {
	if err := os.WriteFile(path+".tmp", content, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
