package panel

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

var errSaved = errors.New("WB_CHECKPOINT: damaged tasks")

const (
	savedVersion = 4
	maxRounds    = 1 << 20
	maxSavedPart = 1 << 24
)

// save gives what restore reads: what the ledger shows, and of what fell due here the verdicts and statements.
func (b *book) save() ([]byte, error) {
	c := canon.Writer(nil)
	version := uint32(savedVersion)
	canon.Uint(c, &version)
	c.Raw(b.account[:])
	canon.Uint(c, &b.inForce)
	part(c, &b.keepers)
	if err := b.fit.save(c); err != nil {
		return nil, err
	}
	policies, err := texts(slices.Sorted(maps.Keys(b.policies)), func(v uint32) ([]byte, error) { return wire.Encode(b.policies[v]) })
	if err != nil {
		return nil, err
	}
	part(c, &policies)
	accounts := slices.SortedFunc(maps.Keys(b.scorers), func(x, y ledger.Digest) int { return bytes.Compare(x[:], y[:]) })
	scorers, err := texts(accounts, func(a ledger.Digest) ([]byte, error) { return wire.Encode(b.scorers[a]) })
	if err != nil {
		return nil, err
	}
	part(c, &scorers)
	rounds := make([]*round, 0, len(b.rounds))
	for _, l := range b.lists() {
		for e := l.Front(); e != nil; e = e.Next() {
			rounds = append(rounds, e.Value.(*round))
		}
	}
	c.Len(len(rounds), maxRounds)
	for _, r := range rounds {
		if err = r.save(c); err != nil {
			return nil, err
		}
	}
	var others []*foreign
	for _, f := range b.foreign.All {
		others = append(others, f)
	}
	c.Len(len(others), maxForeign)
	for _, f := range others {
		if err = f.save(c); err != nil {
			return nil, err
		}
	}
	c.Len(b.rebuttals.Len(), maxRebuttals)
	for _, n := range b.rebuttals.All {
		n.code(c)
	}
	absent := slices.SortedFunc(maps.Keys(b.absent), func(x, y ledger.Digest) int { return bytes.Compare(x[:], y[:]) })
	canon.Slice(c, &absent, maxRounds, codeDigest)
	b.blends.code(c, time.Time{})
	b.ends.code(c)
	return c.Bytes(), c.Err()
}

func texts[T any](all []T, encode func(T) ([]byte, error)) ([]string, error) {
	out := make([]string, len(all))
	for i, one := range all {
		data, err := encode(one)
		if err != nil {
			return nil, err
		}
		out[i] = string(data)
	}
	return out, nil
}

func part(c *canon.Coder, all *[]string) {
	canon.Slice(c, all, maxRounds, func(c *canon.Coder, s *string) { canon.String(c, s, maxSavedPart) })
}

// save writes a round. What never changes is encoded once.
func (r *round) save(c *canon.Coder) error {
	if r.saved == "" {
		data, err := wire.Encode(r.verdict)
		if err != nil {
			return err
		}
		r.saved = string(data)
	}
	if r.savedStatement == "" && r.statement != nil {
		data, err := wire.Encode(*r.statement)
		if err != nil {
			return err
		}
		r.savedStatement = string(data)
	}
	statement := r.savedStatement
	if r.statement == nil {
		statement = ""
	}
	view, err := wire.Encode(r.view)
	if err != nil {
		return err
	}
	text, due := string(view), r.due.UnixMilli()
	r.code(c, &statement, &text, &due)
	return c.Err()
}

// code writes or reads a round, whose statement and view are texts and due is in milliseconds.
func (r *round) code(c *canon.Coder, statement, view *string, due *int64) {
	c.Raw(r.id[:])
	canon.String(c, &r.saved, maxSavedPart)
	canon.String(c, statement, maxSavedPart)
	canon.String(c, view, maxSavedPart)
	canon.Int(c, due)
	canon.Slice(c, &r.punished, ledger.MaxScorers, codeDigest)
	c.Bool(&r.shown)
	c.Bool(&r.foreignSecret)
}

func (f *foreign) save(c *canon.Coder) error {
	var batch wire.TaskBatch
	for _, a := range f.challenges {
		batch.Operations = append(batch.Operations, a.TaskOperation)
	}
	data, err := wire.Encode(batch)
	if err != nil {
		return err
	}
	text := string(data)
	f.code(c, &text)
	return c.Err()
}

// code writes or reads a task of others, whose challenges are a text.
func (f *foreign) code(c *canon.Coder, challenges *string) {
	c.Raw(f.id[:])
	canon.String(c, &f.window.shipment, maxSavedPart)
	canon.Uint(c, &f.window.number)
	canon.Uint(c, &f.policy)
	canon.String(c, challenges, maxSavedPart)
	canon.Slice(c, &f.challenges, maxChallenges+1, func(c *canon.Coder, a *accusation) {
		canon.Slice(c, &a.between, maxBetween, codePlace)
		canon.String(c, &a.key, maxSavedPart)
		c.Bool(&a.begins)
		c.Bool(&a.late)
		canon.String(c, &a.former, maxSavedPart)
	})
	canon.Slice(c, &f.listed, maxListed, codePlace)
	canon.String(c, &f.former, maxSavedPart)
	canon.Slice(c, &f.claims, ledger.MaxScorers, func(c *canon.Coder, v *vouched) {
		c.Raw(v.account[:])
		until := v.until.UnixMilli()
		canon.Int(c, &until)
		v.until = time.UnixMilli(until)
	})
	for _, flag := range []*bool{&f.seated, &f.closed, &f.answered, &f.alike, &f.refutable, &f.doubted} {
		c.Bool(flag)
	}
}

func codePlace(c *canon.Coder, p *place) {
	canon.Uint(c, &p.reference)
	canon.Uint(c, &p.segment)
	c.Bool(&p.inside)
	canon.Uint(c, &p.names)
	canon.String(c, &p.key, maxSavedPart)
}

// restore reads what save gave into an empty book.
func (b *book) restore(data []byte, now time.Time) error {
	c := canon.Reader(data)
	var version uint32
	canon.Uint(c, &version)
	if c.Err() == nil && version != savedVersion {
		return fmt.Errorf("%w: version %d", errSaved, version)
	}
	c.Raw(b.account[:])
	canon.Uint(c, &b.inForce)
	part(c, &b.keepers)
	if err := b.fit.restore(c); err != nil {
		return err
	}
	var policies, scorers []string
	part(c, &policies)
	part(c, &scorers)
	for _, text := range policies {
		p, err := wire.Decode[ledger.ScoringPolicy]([]byte(text), maxSavedPart)
		if err != nil {
			return fmt.Errorf("%w: %w", errSaved, err)
		}
		b.policies[p.Version] = p
	}
	for _, text := range scorers {
		s, err := wire.Decode[ledger.Scorer]([]byte(text), maxSavedPart)
		if err != nil {
			return fmt.Errorf("%w: %w", errSaved, err)
		}
		b.scorers[s.Account] = s
	}
	for range c.Len(0, maxRounds) {
		r, err := readRound(c, now)
		if err != nil {
			return fmt.Errorf("%w: %w", errSaved, err)
		}
		b.insert(r)
		if r.view.Settlement != nil {
			r.list.Remove(r.place)
			r.place, r.list = b.ended.PushBack(r), b.ended
		}
	}
	for range c.Len(0, maxForeign) {
		f, err := readForeign(c, now)
		if err != nil {
			return fmt.Errorf("%w: %w", errSaved, err)
		}
		if b.cfg.Prove == nil {
			f.unexamined()
			f.challenges = slices.DeleteFunc(f.challenges, accusation.asks)
		}
		b.foreign.Put(f.id.String(), f)
		b.listed += len(f.listed)
	}
	for range c.Len(0, maxRebuttals) {
		n := &rebuttal{since: now}
		if n.code(c); c.Err() != nil {
			break
		}
		if b.cfg.Prove != nil {
			b.rebuttals.Put(claimID(n.task, n.claimant), n)
		}
	}
	var absent []ledger.Digest
	canon.Slice(c, &absent, maxRounds, codeDigest)
	for _, account := range absent {
		b.absent[account] = true
	}
	b.blends.code(c, now)
	b.ends.code(c)
	if err := c.Done(); err != nil {
		return fmt.Errorf("%w: %w", errSaved, err)
	}
	b.stand()
	return nil
}

func readRound(c *canon.Coder, now time.Time) (*round, error) {
	r := &round{since: now}
	var statement, view string
	var due int64
	r.code(c, &statement, &view, &due)
	if c.Err() != nil {
		return nil, c.Err()
	}
	r.due = time.UnixMilli(due)
	var err error
	if r.verdict, err = wire.Decode[ledger.Verdict]([]byte(r.saved), maxSavedPart); err != nil {
		return nil, err
	}
	digest, err := wire.VerdictDigest(r.verdict)
	if err != nil {
		return nil, err
	}
	r.answer, r.window = ledger.AnswerOf(r.verdict, digest), window{r.verdict.Shipment, r.verdict.Window}
	if r.view, err = wire.Decode[ledger.TaskView]([]byte(view), maxSavedPart); err != nil {
		return nil, err
	}
	if statement != "" {
		s, err := wire.Decode[ledger.TaskStatement]([]byte(statement), maxSavedPart)
		if err != nil {
			return nil, err
		}
		r.statement, r.savedStatement = &s, statement
	} else if r.view.Settlement == nil {
		return nil, errors.New("a task under way without its statement")
	}
	return r, nil
}

func readForeign(c *canon.Coder, now time.Time) (*foreign, error) {
	f := &foreign{since: now}
	var text string
	f.code(c, &text)
	if c.Err() != nil {
		return nil, c.Err()
	}
	batch, err := wire.Decode[wire.TaskBatch]([]byte(text), maxSavedPart)
	if err != nil {
		return nil, err
	}
	if len(batch.Operations) != len(f.challenges) {
		return nil, errors.New("a task of others with challenges that do not fit")
	}
	for i, op := range batch.Operations {
		if op.Challenge == nil {
			return nil, errors.New("a task of others with what is no challenge")
		}
		f.challenges[i].TaskOperation = op
	}
	return f, nil
}
