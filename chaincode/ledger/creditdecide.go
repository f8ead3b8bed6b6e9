package ledger

// CreditLedger answers what decisions on credits need of the ledger.
type CreditLedger interface {
	// Note gives a note that is unspent, nil if there is none.
	Note(id NoteID) (*Note, error)
	// CreditAccount gives an account, nil if it was not opened.
	CreditAccount(id Digest) (*CreditAccount, error)
	// KeyBinding tells which account a key is bound to, nil if none (see CreditBinding).
	KeyBinding(binding Digest) (*KeyBinding, error)
	// Stake gives an account's stake, nil if it never bonded.
	Stake(account Digest) (*Stake, error)
	// Outcome tells how a task ended, nil if it did not.
	Outcome(task string) (*Outcome, error)
	// CreditPolicy gives the policy in force, nil if none is.
	CreditPolicy() (*CreditPolicy, error)
	// ScoringPolicy gives the policy in force, nil if none is.
	ScoringPolicy() (*ScoringPolicy, error)
	// Supply gives the mint of a source, nil if it did not mint.
	Supply(source []string) (*Supply, error)
	VoteLedger
}

// CreditDecision is what becomes of an operation: what is to be written.
type CreditDecision struct {
	Receipt  *Receipt          // nil for operations on accounts
	Account  *CreditAccount    // to be written, nil: unchanged
	Bindings []NamedKeyBinding // to be written
	Source   []string          // of a mint, which mints once
	Status   Status            // StatusDuplicate: it is so already, there is nothing to write
}

// NamedKeyBinding is a binding with its name.
type NamedKeyBinding struct {
	Key     Digest
	Binding KeyBinding
}

// crediting is a decision on credits in the making.
type crediting struct {
	ledger  CreditLedger
	tx      Tx
	first   uint32 // index of the first note that it makes
	account CreditAccount
	receipt Receipt
}

func newCrediting(kind CreditKind, operation Digest, l CreditLedger, first uint32, tx Tx) *crediting {
	return &crediting{ledger: l, tx: tx, first: first, receipt: Receipt{
		Operation: operation, Kind: kind, MSPID: tx.Actor.MSPID, TxID: tx.ID, At: tx.Time,
	}}
}

// DecideCredit decides on an operation that CheckCredit passed. operation is the digest of what was asked
// for, first the index of the first note that it makes. Notes are spent whole; a note that is not there
// was spent before, or never was.
func DecideCredit(op CreditOperation, operation Digest, l CreditLedger, first uint32, tx Tx) (CreditDecision, error) {
	kind := op.Kind()
	if kind == CreditOpen {
		return decideOpen(*op.Open, l, tx)
	}
	account, err := callersAccount(l, tx)
	if err != nil {
		return CreditDecision{}, err
	}
	if kind == CreditRotate {
		return decideRotate(*op.Rotate, account, l, tx)
	}
	c := newCrediting(kind, operation, l, first, tx)
	c.account = account
	c.receipt.Account, c.receipt.Memo = &account.ID, op.Memo
	switch kind {
	case CreditTransfer:
		err = c.transfer(*op.Transfer)
	case CreditLock:
		err = c.lock(*op.Lock)
	case CreditRelease:
		err = c.release(*op.Release)
	case CreditBurn:
		err = c.burn(*op.Burn)
	case CreditBond:
		err = c.bond(*op.Bond)
	case CreditUnbond:
		err = c.unbond(*op.Unbond)
	default:
		err = refuse(ErrSchema, "an operation of kind %s", kind)
	}
	if err != nil {
		return CreditDecision{}, err
	}
	return c.end()
}

// callersAccount finds the account that the submitter's key moves.
func callersAccount(l CreditLedger, tx Tx) (CreditAccount, error) {
	key := CreditBinding(tx.Actor.MSPID, tx.Actor.Key)
	binding, err := l.KeyBinding(key)
	if err != nil {
		return CreditAccount{}, err
	}
	if binding == nil {
		return CreditAccount{}, refuse(ErrNoAccount, "the key of %s of %s is bound to no account; open one", tx.Actor.Subject, tx.Actor.MSPID)
	}
	if binding.Retired {
		return CreditAccount{}, refuse(ErrNotOwner, "the key of %s of %s was replaced by another", tx.Actor.Subject, tx.Actor.MSPID)
	}
	account, err := l.CreditAccount(binding.Account)
	switch {
	case err != nil:
		return CreditAccount{}, err
	case account == nil || account.Binding != key || account.MSPID != tx.Actor.MSPID:
		return CreditAccount{}, refuse(ErrNotOwner, "the key of %s of %s does not move account %s", tx.Actor.Subject, tx.Actor.MSPID, binding.Account)
	case account.Frozen:
		return CreditAccount{}, refuse(ErrAccountFrozen, "account %s; its next key may take it over", account.ID)
	}
	return *account, nil
}

func decideOpen(op OpenAccount, l CreditLedger, tx Tx) (CreditDecision, error) {
	key := CreditBinding(tx.Actor.MSPID, tx.Actor.Key)
	binding, err := l.KeyBinding(key)
	if err != nil {
		return CreditDecision{}, err
	}
	if binding != nil {
		switch {
		case binding.Retired:
			return CreditDecision{}, refuse(ErrNotOwner, "the key of %s of %s was replaced by another and opens no account", tx.Actor.Subject, tx.Actor.MSPID)
		case op.Account != nil && *op.Account != binding.Account:
			return CreditDecision{}, refuse(ErrConflict, "the key moves account %s already", binding.Account)
		}
		bound, failed := l.CreditAccount(binding.Account)
		return CreditDecision{Status: StatusDuplicate, Account: bound}, failed
	}
	if op.Account == nil {
		opened := CreditAccount{
			ID: key, MSPID: tx.Actor.MSPID, Subject: shortSubject(tx.Actor.Subject), Binding: key,
			OpenedAt: tx.Time, ChangedAt: tx.Time, TxID: tx.ID,
		}
		return CreditDecision{Status: StatusRecorded, Account: &opened, Bindings: []NamedKeyBinding{{key, KeyBinding{Account: key}}}}, nil
	}
	account, err := l.CreditAccount(*op.Account)
	switch {
	case err != nil:
		return CreditDecision{}, err
	case account == nil:
		return CreditDecision{}, refuse(ErrNoAccount, "account %s", op.Account)
	case account.MSPID != tx.Actor.MSPID || account.Next == nil || *account.Next != key:
		return CreditDecision{}, refuse(ErrNotOwner, "account %s does not name the key of %s of %s as its next", account.ID, tx.Actor.Subject, tx.Actor.MSPID)
	}
	old, after := account.Binding, *account
	after.Binding, after.Next, after.Frozen, after.Subject = key, nil, false, shortSubject(tx.Actor.Subject)
	after.Rotations++
	after.ChangedAt, after.TxID = tx.Time, tx.ID
	return CreditDecision{Status: StatusRecorded, Account: &after, Bindings: []NamedKeyBinding{
		{key, KeyBinding{Account: after.ID}},
		{old, KeyBinding{Account: after.ID, Retired: true, Until: tx.Time}},
	}}, nil
}

// decideRotate decides on an offer of the account's key. It is taken back at any time, and made once in a while: what pays or
// names the account reads it.
func decideRotate(op RotateKey, account CreditAccount, l CreditLedger, tx Tx) (CreditDecision, error) {
	if sameDigest(op.Next, account.Next) {
		return CreditDecision{Status: StatusDuplicate, Account: &account}, nil
	}
	if op.Next != nil && (op.Next.IsZero() || *op.Next == account.Binding) {
		return CreditDecision{}, refuse(ErrSchema, "the next key is another key")
	}
	if op.Next != nil {
		if err := rested("offers its key", account.OfferedAt, l, tx); err != nil {
			return CreditDecision{}, err
		}
		account.OfferedAt = tx.Time
	}
	account.Next = op.Next
	account.ChangedAt, account.TxID = tx.Time, tx.ID
	return CreditDecision{Status: StatusRecorded, Account: &account}, nil
}

func sameDigest(a, b *Digest) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

func shortSubject(s string) string {
	if len(s) > MaxNameBytes {
		return s[:MaxNameBytes]
	}
	return s
}

func (c *crediting) transfer(op Transfer) error {
	if err := c.spendOwn(op.Inputs); err != nil {
		return err
	}
	_, err := c.pay(op.Outputs)
	return err
}

func (c *crediting) lock(op LockNotes) error {
	if err := c.spendOwn(op.Inputs); err != nil {
		return err
	}
	if op.Lock.Payee != nil {
		if err := c.needAccount(*op.Lock.Payee); err != nil {
			return err
		}
	}
	if op.Lock.Arbiter != nil {
		if err := c.needAccount(*op.Lock.Arbiter); err != nil {
			return err
		}
	}
	if op.Lock.NotBefore != 0 && op.Lock.NotBefore <= c.tx.Time {
		return refuse(ErrSchema, "a lock until %s, which is over", stamp(op.Lock.NotBefore))
	}
	lock := op.Lock
	c.create(Note{Owner: c.account.ID, Amount: op.Amount, Lock: &lock})
	return c.change(c.account.ID)
}

func (c *crediting) burn(op BurnNotes) error {
	if err := c.spendOwn(op.Inputs); err != nil {
		return err
	}
	c.receipt.Burned = op.Amount
	return c.change(c.account.ID)
}

// release unlocks a note. The table of who may what, when:
//
//	hold       its owner, from its time on
//	unbonding  its owner, from its time on
//	stake      nobody: it is unbonded
//	escrow     to the payee: its owner and its arbiter at any time; the payee once the task is done
//	           to the owner: its payee and its arbiter at any time; the owner once the task ended
//	           otherwise, or from its time on while the task has not ended
func (c *crediting) release(op ReleaseNote) error {
	note, err := c.ledger.Note(op.Note)
	if err != nil {
		return err
	}
	if note == nil {
		return refuse(ErrNoteSpent, "note %s", op.Note)
	}
	if note.Lock == nil {
		return refuse(ErrNotLocked, "note %s", op.Note)
	}
	to := note.Owner
	switch note.Lock.Purpose {
	case LockHold, LockUnbonding:
		switch {
		case note.Owner != c.account.ID:
			return refuse(ErrNotOwner, "note %s", op.Note)
		case op.ToPayee:
			return refuse(ErrSchema, "a %s has no payee", note.Lock.Purpose)
		case c.tx.Time < note.Lock.NotBefore:
			return refuse(ErrLocked, "note %s until %s", op.Note, stamp(note.Lock.NotBefore))
		}
		if note.Lock.Purpose == LockUnbonding {
			if err = c.unbonded(op.Note); err != nil {
				return err
			}
		}
	case LockEscrow:
		if op.ToPayee {
			to = *note.Lock.Payee
		}
		if err = c.mayRelease(op, *note); err != nil {
			return err
		}
	default:
		if note.Owner != c.account.ID {
			return refuse(ErrNotOwner, "note %s", op.Note)
		}
		return refuse(ErrLocked, "note %s is a stake; unbond it", op.Note)
	}
	if err = c.spend(op.Note); err != nil {
		return err
	}
	c.create(Note{Owner: to, Amount: note.Amount})
	return nil
}

// mayRelease holds that the submitter may release an escrow to where it asks.
func (c *crediting) mayRelease(op ReleaseNote, note Note) error {
	caller, lock := c.account.ID, note.Lock
	owner, payee := caller == note.Owner, caller == *lock.Payee
	arbiter := lock.Arbiter != nil && caller == *lock.Arbiter
	switch {
	case !owner && !payee && !arbiter:
		return refuse(ErrNotOwner, "note %s", op.Note)
	case arbiter, op.ToPayee && owner, !op.ToPayee && payee:
		return nil
	}
	// What is left is a party that asks for itself: the conditions decide.
	var outcome *Outcome
	if lock.Task != "" {
		var err error
		if outcome, err = c.ledger.Outcome(lock.Task); err != nil {
			return err
		}
	}
	switch {
	case op.ToPayee && outcome != nil && outcome.Done, !op.ToPayee && outcome != nil && !outcome.Done:
		return nil
	case !op.ToPayee && outcome == nil && lock.NotBefore > 0 && c.tx.Time >= lock.NotBefore:
		return nil
	case outcome != nil:
		return refuse(ErrLocked, "note %s: its task ended otherwise", op.Note)
	case op.ToPayee:
		return refuse(ErrLocked, "note %s waits for its task to be done, its owner or its arbiter", op.Note)
	case lock.NotBefore > 0:
		return refuse(ErrLocked, "note %s until %s", op.Note, stamp(lock.NotBefore))
	}
	return refuse(ErrLocked, "note %s waits for its task, its payee or its arbiter", op.Note)
}

// spendOwn spends notes that are the submitter's and not locked.
func (c *crediting) spendOwn(ids []NoteID) error {
	for _, id := range ids {
		if err := c.spend(id); err != nil {
			return err
		}
		switch note := c.receipt.Spent[len(c.receipt.Spent)-1].Note; {
		case note.Owner != c.account.ID:
			return refuse(ErrNotOwner, "note %s", id)
		case note.Lock != nil:
			return refuse(ErrLocked, "note %s is locked as %s", id, note.Lock.Purpose)
		}
	}
	return nil
}

func (c *crediting) spend(id NoteID) error {
	note, err := c.ledger.Note(id)
	if err != nil {
		return err
	}
	if note == nil {
		return refuse(ErrNoteSpent, "note %s", id)
	}
	c.receipt.Spent = append(c.receipt.Spent, NamedNote{ID: id, Note: *note})
	return nil
}

// create makes a note and gives its name.
func (c *crediting) create(n Note) NoteID {
	id := NoteID{TxID: c.tx.ID, Index: c.first + uint32(len(c.receipt.Created))} //nolint:gosec // an operation makes a handful
	c.receipt.Created = append(c.receipt.Created, NamedNote{ID: id, Note: n})
	return id
}

// pay makes a note for each payment to an account that is open and gives their sum.
func (c *crediting) pay(payments []Payment) (Credits, error) {
	for _, p := range payments {
		if err := c.needAccount(p.To); err != nil {
			return 0, err
		}
	}
	return c.issue(payments)
}

// issue makes a note for each payment and gives their sum.
func (c *crediting) issue(payments []Payment) (Credits, error) {
	var sum Credits
	for _, p := range payments {
		c.create(Note{Owner: p.To, Amount: p.Amount})
		var err error
		if sum, err = sum.Plus(p.Amount); err != nil {
			return 0, err
		}
	}
	return sum, nil
}

// change gives back what the notes spent hold beyond what was made of them and burned.
func (c *crediting) change(to Digest) error {
	in, out, err := c.receipt.sums()
	if err != nil {
		return err
	}
	if out > in {
		return refuse(ErrUnbalanced, "%d credits are needed, the notes hold %d", out, in)
	}
	if in > out {
		c.create(Note{Owner: to, Amount: in - out})
	}
	return nil
}

func (c *crediting) needAccount(id Digest) error {
	account, err := c.ledger.CreditAccount(id)
	if err == nil && account == nil {
		err = refuse(ErrNoAccount, "account %s is not open", id)
	}
	return err
}

func (c *crediting) needPolicy() (CreditPolicy, error) {
	policy, err := c.ledger.CreditPolicy()
	if err != nil {
		return CreditPolicy{}, err
	}
	if policy == nil {
		return CreditPolicy{}, refuse(ErrNoCreditPolicy, "the keepers of the network's rules set one")
	}
	return *policy, nil
}

// end holds that nothing came from nowhere.
func (c *crediting) end() (CreditDecision, error) {
	if err := c.receipt.Check(); err != nil {
		return CreditDecision{}, err
	}
	return CreditDecision{Status: StatusRecorded, Receipt: &c.receipt}, nil
}

// sums adds up what went in and what came out.
func (r Receipt) sums() (in, out Credits, err error) {
	in, out = r.Minted, r.Burned
	for _, n := range r.Spent {
		if in, err = in.Plus(n.Note.Amount); err != nil {
			return 0, 0, err
		}
	}
	for _, n := range r.Created {
		if out, err = out.Plus(n.Note.Amount); err != nil {
			return 0, 0, err
		}
	}
	return in, out, nil
}

// Check holds that what was spent and minted is what was made and burned, and that every note has an
// amount.
func (r Receipt) Check() error {
	in, out, err := r.sums()
	if err != nil {
		return err
	}
	if in != out {
		return refuse(ErrUnbalanced, "%d credits go in, %d come out", in, out)
	}
	for _, n := range r.Created {
		if n.Note.Amount == 0 || n.Note.Amount > MaxCredits {
			return refuse(ErrOverflow, "a note of %d credits; amounts are from 1 to %d", n.Note.Amount, MaxCredits)
		}
	}
	return nil
}
