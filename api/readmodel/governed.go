package readmodel

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// governedKey names what organisations govern.
type governedKey struct {
	kind    wire.Kind
	id, sub string
}

type governedChange struct {
	owner, tx string
	value     []byte
}

// noteChange is what became of a note in the blocks of a projection.
type noteChange struct {
	note  ledger.Note
	made  int64 // 0: it was made before
	spent int64 // 0: it is unspent
}

// governance is what blocks add to what organisations govern, folded.
type governance struct {
	records map[governedKey]governedChange
	order   []governedKey
	notes   map[ledger.NoteID]*noteChange
	made    []ledger.NoteID // in the order in which they came
}

func newGovernance() governance {
	return governance{records: map[governedKey]governedChange{}, notes: map[ledger.NoteID]*noteChange{}}
}

// numbered spells a number so that its texts sort as numbers do.
func numbered(n uint32) string { return fmt.Sprintf("%010d", n) }

// keep folds a record. What it is encoded as is what lies on the ledger.
func keep[T wire.Governed](p *projection, t Recorded, kind wire.Kind, id, sub, owner string, v T) error {
	value, err := wire.Encode(v)
	if err != nil {
		return fmt.Errorf("%s %s %s: %w", kind, id, sub, err)
	}
	key := governedKey{kind: kind, id: storable(id), sub: storable(sub)}
	if _, known := p.governance.records[key]; !known {
		p.governance.order = append(p.governance.order, key)
	}
	p.governance.records[key] = governedChange{owner: owner, tx: t.TxID, value: value}
	return nil
}

// keepAll folds records of a kind.
func keepAll[T wire.Governed](p *projection, t Recorded, kind wire.Kind, all []T, name func(T) (id, sub, owner string)) error {
	for _, v := range all {
		id, sub, owner := name(v)
		if err := keep(p, t, kind, id, sub, owner, v); err != nil {
			return err
		}
	}
	return nil
}

// governed takes in what a transaction did with credits and models. next gives the places of receipts.
func (p *projection) governed(t Recorded, next func() (int64, error)) error {
	for _, r := range t.Credits.Receipts {
		pos, err := next()
		if err != nil {
			return err
		}
		if err := p.receipt(pos, t, r); err != nil {
			return err
		}
	}
	// Each closure names its kind: what is listed by id, by version, by whose it is.
	for _, fold := range []func() error{
		func() error {
			return keepAll(p, t, wire.KindCreditAccount, t.Credits.Accounts, func(a ledger.CreditAccount) (string, string, string) { return a.ID.String(), "", a.MSPID })
		},
		func() error {
			return keepAll(p, t, wire.KindCreditKey, t.Credits.Accounts, func(a ledger.CreditAccount) (string, string, string) { return a.Binding.String(), "", a.MSPID })
		},
		func() error {
			return keepAll(p, t, wire.KindCreditPolicy, t.Credits.Policies, func(c ledger.CreditPolicy) (string, string, string) { return "", numbered(c.Version), "" })
		},
		func() error {
			return keepAll(p, t, wire.KindOutcome, t.Credits.Outcomes, func(o ledger.Outcome) (string, string, string) { return o.Task, "", "" })
		},
		func() error {
			return keepAll(p, t, wire.KindVote, t.Votes, func(v ledger.Vote) (string, string, string) { return v.Subject.String(), v.MSPID, v.MSPID })
		},
		func() error {
			return keepAll(p, t, wire.KindDataset, t.Models.Datasets, func(d ledger.DatasetSnapshot) (string, string, string) { return d.ID, numbered(d.Version), d.MSPID })
		},
		func() error {
			return keepAll(p, t, wire.KindModel, t.Models.Models, func(m ledger.ModelVersion) (string, string, string) { return m.ID, numbered(m.Version), m.MSPID })
		},
		func() error {
			return keepAll(p, t, wire.KindModelStatus, t.Models.Statuses, func(s ledger.ModelStatus) (string, string, string) {
				return s.Model.ID, numbered(s.Model.Version), s.Submitter
			})
		},
		func() error {
			return keepAll(p, t, wire.KindEvaluation, t.Models.Evaluations, func(e ledger.Evaluation) (string, string, string) {
				return e.Model.String(), e.MSPID + " " + e.Ref().Dataset, e.MSPID
			})
		},
		func() error {
			return keepAll(p, t, wire.KindApproval, t.Models.Approvals, func(a ledger.Approval) (string, string, string) { return a.Model.String(), a.MSPID, a.MSPID })
		},
		func() error {
			return keepAll(p, t, wire.KindAlias, t.Models.Aliases, func(a ledger.Alias) (string, string, string) { return a.Class, numbered(a.Generation), a.MSPID })
		},
		func() error {
			return keepAll(p, t, wire.KindRevocation, t.Models.Revocations, func(r ledger.Revocation) (string, string, string) {
				return r.Model.ID, numbered(r.Model.Version), r.MSPID
			})
		},
		func() error {
			return keepAll(p, t, wire.KindModelPolicy, t.Models.Policies, func(m ledger.ModelPolicy) (string, string, string) { return "", numbered(m.Version), "" })
		},
		func() error {
			var all []ledger.Scorer
			for _, s := range t.Scoring.Scorers {
				all = append(all, s.Both()...)
			}
			return keepAll(p, t, wire.KindScorer, all, func(s ledger.Scorer) (string, string, string) { return s.Account.String(), "", s.MSPID })
		},
		func() error {
			return keepAll(p, t, wire.KindScoringPolicy, t.Scoring.Policies, func(s ledger.ScoringPolicy) (string, string, string) { return "", numbered(s.Version), "" })
		},
		func() error {
			return keepAll(p, t, wire.KindChunk, t.Models.Chunks, func(c wire.StoredChunk) (string, string, string) { return wire.ChunkDigest(c.Bytes).String(), "", "" })
		},
	} {
		if err := fold(); err != nil {
			return err
		}
	}
	return nil
}

func (p *projection) receipt(pos int64, t Recorded, r ledger.Receipt) error {
	value, err := wire.Encode(r)
	if err != nil {
		return fmt.Errorf("receipt %s: %w", r.Operation, err)
	}
	p.add(tReceipts, pos, r.Operation.String(), int(r.Kind), value)
	var concerned []string
	if r.Account != nil {
		concerned = append(concerned, r.Account.String())
	}
	for _, n := range r.Spent {
		concerned = append(concerned, n.Note.Owner.String())
		c, known := p.governance.notes[n.ID]
		if !known {
			c = &noteChange{note: n.Note}
			p.governance.notes[n.ID] = c
			p.governance.made = append(p.governance.made, n.ID)
		}
		c.spent = pos
	}
	for _, n := range r.Created {
		concerned = append(concerned, n.Note.Owner.String())
		p.governance.notes[n.ID] = &noteChange{note: n.Note, made: pos}
		p.governance.made = append(p.governance.made, n.ID)
	}
	slices.Sort(concerned)
	for _, account := range slices.Compact(concerned) {
		p.add(tReceiptAccounts, account, pos)
	}
	p.staked(pos, t, r)
	p.totals["credits_minted"] += int64(r.Minted) //nolint:gosec // at most MaxCredits times MaxNotesOut
	p.totals["credits_burned"] += int64(r.Burned) //nolint:gosec // as above
	if r.Stake == nil {
		return nil
	}
	return keep(p, t, wire.KindStake, r.Stake.Account.String(), "", r.Stake.MSPID, *r.Stake)
}

func (p *projection) foldGoverned() error {
	for _, key := range p.governance.order {
		c := p.governance.records[key]
		p.add(tGoverned, string(key.kind), key.id, key.sub, c.owner, c.tx, c.value)
	}
	for _, id := range p.governance.made {
		c := p.governance.notes[id]
		value, err := wire.Encode(c.note)
		if err != nil {
			return fmt.Errorf("note %s: %w", id, err)
		}
		purpose := 0
		if c.note.Lock != nil {
			purpose = int(c.note.Lock.Purpose)
		}
		var spent any
		if c.spent != 0 {
			spent = c.spent
		}
		p.add(tNotes, id.TxID, int64(id.Index), c.note.Owner.String(), int64(c.note.Amount), purpose, c.made, spent, value) //nolint:gosec // at most MaxCredits
	}
	return nil
}

// RecordFilter selects what organisations govern; each field that is set must hold.
type RecordFilter struct {
	Kind    wire.Kind
	ID, Sub string
	Owner   string // MSP ID
	Latest  bool   // of each id only the last
}

// RecordKey is the place of a record among those of its kind.
type RecordKey struct{ ID, Sub string }

// Governed is a record of what organisations govern: Value is the ledger's encoding of it, which
// wire.Decode reads.
type Governed struct {
	Key   RecordKey
	TxID  string
	Value []byte
}

// Governed lists records of a kind by id and sub, after a key: versions and generations by their number,
// evaluations under "model/version" by "MSP ID data set/version".
func (s *Store) Governed(ctx context.Context, f RecordFilter, after RecordKey, limit int) ([]Governed, error) {
	var w where
	w.add("kind = ?", string(f.Kind))
	w.add("(id > ? OR id = ? AND sub > ?)", after.ID, after.ID, after.Sub)
	if after == (RecordKey{}) {
		w = where{} // a record may have neither
		w.add("kind = ?", string(f.Kind))
	}
	if f.ID != "" {
		w.add("id = ?", storable(f.ID))
	}
	if f.Sub != "" {
		w.add("sub = ?", storable(f.Sub))
	}
	if f.Owner != "" {
		w.add("owner = ?", storable(f.Owner))
	}
	if f.Latest {
		w.add("sub = (SELECT MAX(n.sub) FROM governed n WHERE n.kind = g.kind AND n.id = g.id)")
	}
	var found []Governed
	err := each(ctx, s.asking(), func(rows *sql.Rows) error {
		var g Governed
		err := rows.Scan(&g.Key.ID, &g.Key.Sub, &g.TxID, &g.Value)
		found = append(found, g)
		return err
	}, `SELECT id, sub, tx_id, value FROM governed g`+w.String()+` ORDER BY id, sub LIMIT ?`, append(w.args, limit)...)
	return found, s.failed(err)
}

// Numbered spells a version or generation as RecordKey.Sub does.
func Numbered(n uint32) string { return numbered(n) }

// Balance is what an account has.
type Balance struct {
	Unspent, Locked ledger.Credits
	Notes           uint64 // that are unspent or locked
}

// Balance sums the notes of an account.
func (s *Store) Balance(ctx context.Context, account ledger.Digest) (Balance, error) {
	var b Balance
	err := each(ctx, s.asking(), func(rows *sql.Rows) error {
		var locked bool
		var sum, n int64
		if err := rows.Scan(&locked, &sum, &n); err != nil {
			return err
		}
		b.Notes += uint64(n) //nolint:gosec // a count
		if locked {
			b.Locked = ledger.Credits(sum) //nolint:gosec // a sum of amounts
		} else {
			b.Unspent = ledger.Credits(sum) //nolint:gosec // a sum of amounts
		}
		return nil
	}, `SELECT purpose <> 0, CAST(SUM(amount) AS BIGINT), COUNT(*) FROM notes WHERE owner = ? AND spent IS NULL GROUP BY purpose <> 0`, account.String())
	return b, s.failed(err)
}

// CreditSums sums the whole ledger at one height; CreditSums.Check holds that it balances.
func (s *Store) CreditSums(ctx context.Context) (ledger.CreditSums, Progress, error) {
	var sums ledger.CreditSums
	var at Progress
	err := s.snapshot(ctx, func(tx querier) error {
		var err error
		if at, err = readPosition(ctx, tx, ""); err != nil {
			return err
		}
		if err = each(ctx, tx, func(rows *sql.Rows) error {
			var name string
			var value int64
			failed := rows.Scan(&name, &value)
			if name == "credits_minted" {
				sums.Minted = ledger.Credits(value) //nolint:gosec // a sum of amounts
			} else {
				sums.Burned = ledger.Credits(value) //nolint:gosec // a sum of amounts
			}
			return failed
		}, `SELECT name, value FROM totals WHERE name IN ('credits_minted', 'credits_burned')`); err != nil {
			return err
		}
		return each(ctx, tx, func(rows *sql.Rows) error {
			var locked bool
			var sum, n int64
			if err := rows.Scan(&locked, &sum, &n); err != nil {
				return err
			}
			sums.Facts += uint64(n) //nolint:gosec // a count
			if locked {
				sums.Locked = ledger.Credits(sum) //nolint:gosec // a sum of amounts
			} else {
				sums.Unspent = ledger.Credits(sum) //nolint:gosec // a sum of amounts
			}
			return nil
		}, `SELECT purpose <> 0, CAST(SUM(amount) AS BIGINT), COUNT(*) FROM notes WHERE spent IS NULL GROUP BY purpose <> 0`)
	})
	return sums, at, s.failed(err)
}

// Notes lists the notes of an account that are not spent, by name, after one (the zero name: from the
// first).
func (s *Store) Notes(ctx context.Context, account ledger.Digest, after ledger.NoteID, limit int) ([]ledger.NamedNote, error) {
	var w where
	w.add("owner = ? AND spent IS NULL", account.String())
	if after.TxID != "" {
		w.add("(tx_id > ? OR tx_id = ? AND idx > ?)", after.TxID, after.TxID, int64(after.Index))
	}
	var found []ledger.NamedNote
	err := each(ctx, s.asking(), func(rows *sql.Rows) error {
		var n ledger.NamedNote
		var index int64
		var value []byte
		if err := rows.Scan(&n.ID.TxID, &index, &value); err != nil {
			return err
		}
		n.ID.Index = uint32(index) //nolint:gosec // was one
		var err error
		if n.Note, err = wire.Decode[ledger.Note](value, wire.MaxStoredBytes); err != nil {
			return fmt.Errorf("%w: note %s: %w", ErrCorrupt, n.ID, err)
		}
		found = append(found, n)
		return nil
	}, `SELECT tx_id, idx, note FROM notes`+w.String()+` ORDER BY tx_id, idx LIMIT `+strconv.Itoa(limit), w.args...)
	return found, s.failed(err)
}

// Receipt is an operation on credits with its place among the receipts.
type Receipt struct {
	Position
	ledger.Receipt
}

// ReceiptFilter selects receipts; each field that is set must hold.
type ReceiptFilter struct {
	Account   *ledger.Digest // whom it concerns
	Kind      ledger.CreditKind
	Operation *ledger.Digest
}

// Receipts gives a page of receipts in ledger order.
func (s *Store) Receipts(ctx context.Context, f ReceiptFilter, page Page) (Rows[Receipt], error) {
	var found Rows[Receipt]
	err := s.snapshot(ctx, func(tx querier) error {
		var err error
		if found.At, err = readPosition(ctx, tx, ""); err != nil {
			return err
		}
		var w where
		from := "receipts r"
		if f.Account != nil {
			from = "receipt_accounts a JOIN receipts r ON r.pos = a.pos"
			w.add("a.account = ?", f.Account.String())
		}
		if f.Kind != 0 {
			w.add("r.kind = ?", int(f.Kind))
		}
		if f.Operation != nil {
			w.add("r.operation = ?", f.Operation.String())
		}
		order := w.page("r.pos", page)
		err = each(ctx, tx, func(rows *sql.Rows) error {
			receipt, failed := scanReceipt(rows)
			found.Rows = append(found.Rows, receipt)
			return failed
		}, `SELECT r.pos, r.receipt FROM `+from+w.String()+order, append(w.args, page.Limit+1)...)
		if len(found.Rows) > page.Limit {
			found.Rows, found.More = found.Rows[:page.Limit], true
		}
		return err
	})
	return found, s.failed(err)
}

func scanReceipt(rows *sql.Rows) (Receipt, error) {
	var pos int64
	var value []byte
	if err := rows.Scan(&pos, &value); err != nil {
		return Receipt{}, err
	}
	receipt, err := wire.Decode[ledger.Receipt](value, wire.MaxStoredBytes)
	if err != nil {
		return Receipt{}, fmt.Errorf("%w: receipt: %w", ErrCorrupt, err)
	}
	return Receipt{Position: positionOf(pos), Receipt: receipt}, nil
}
