package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Credits is a number of credits in their smallest unit, which has no parts.
type Credits uint64

// MaxCredits bounds a note and what one operation moves: it is exact also where numbers are float64.
const MaxCredits Credits = 1<<53 - 1

// maxCreditSum bounds sums over notes.
const maxCreditSum Credits = 1<<63 - 1

// Plus adds, and refuses what no sum of notes can be.
func (a Credits) Plus(b Credits) (Credits, error) {
	sum, carry := bits.Add64(uint64(a), uint64(b), 0)
	if carry != 0 || Credits(sum) > maxCreditSum {
		return 0, refuse(ErrOverflow, "%d and %d credits", a, b)
	}
	return Credits(sum), nil
}

// Minus subtracts, and refuses what is less than nothing.
func (a Credits) Minus(b Credits) (Credits, error) {
	if b > a {
		return 0, refuse(ErrOverflow, "%d credits less %d", a, b)
	}
	return a - b, nil
}

// Share is a part of the amount in millionths, rounded down. More than a million millionths are refused.
func (a Credits) Share(millionths uint64) (Credits, error) {
	if millionths > million {
		return 0, refuse(ErrOverflow, "a share of %d millionths", millionths)
	}
	high, low := bits.Mul64(uint64(a), millionths)
	quotient, _ := bits.Div64(high, low, million) // high < million, since millionths <= million
	return Credits(quotient), nil
}

// NoteID names a credit note: the transaction that made it and its place among those it made.
type NoteID struct {
	TxID  string `cbor:"1,keyasint"`
	Index uint32 `cbor:"2,keyasint"`
}

// String gives "transaction/index".
func (id NoteID) String() string { return id.TxID + "/" + strconv.FormatUint(uint64(id.Index), 10) }

// ParseNoteID reads "transaction/index".
func ParseNoteID(s string) (NoteID, error) {
	tx, digits, _ := strings.Cut(s, "/")
	n, err := strconv.ParseUint(digits, 10, 32)
	id := NoteID{TxID: tx, Index: uint32(n)}
	if err != nil || id.String() != s || id.check() != nil {
		return NoteID{}, refuse(ErrMalformed, "note %.200q is not of the form transaction/index", s)
	}
	return id, nil
}

func (id NoteID) check() error {
	if id.TxID == "" || len(id.TxID) > MaxTxIDBytes || !printable(id.TxID) {
		return refuse(ErrSchema, "a note is named by a transaction id of 1 to %d printable characters", MaxTxIDBytes)
	}
	return nil
}

// Note is credit that was not spent. Spending it deletes it: nothing that another writes is written.
type Note struct {
	Owner  Digest  `cbor:"1,keyasint"` // credit account
	Amount Credits `cbor:"2,keyasint"`
	Lock   *Lock   `cbor:"3,keyasint,omitempty"` // nil: the owner may spend it
}

// NamedNote is a note with its name.
type NamedNote struct {
	ID   NoteID `cbor:"1,keyasint"`
	Note Note   `cbor:"2,keyasint"`
}

// LockPurpose is what a note is locked for.
type LockPurpose uint8

// The purposes.
const (
	LockHold      LockPurpose = 1 // kept by its owner until a time
	LockEscrow    LockPurpose = 2 // for a payee, on conditions
	LockStake     LockPurpose = 3 // bonded; the owner's faults cost it
	LockUnbonding LockPurpose = 4 // on its way out of the stake; faults cost it still
)

// String names the purpose in lower case.
func (p LockPurpose) String() string {
	switch p {
	case LockHold:
		return "hold"
	case LockEscrow:
		return "escrow"
	case LockStake:
		return "stake"
	case LockUnbonding:
		return "unbonding"
	default:
		return "unknown"
	}
}

// Lock says when a note may be released, and to whom.
type Lock struct {
	Purpose LockPurpose `cbor:"1,keyasint"`
	// NotBefore is when the owner may release it, by the transaction's time; of an escrow 0 says never
	// by time alone.
	NotBefore Millis `cbor:"2,keyasint,omitempty"`
	// Task is what an escrow is for. Once its outcome is recorded, that decides.
	Task    string  `cbor:"3,keyasint,omitempty"`
	Payee   *Digest `cbor:"4,keyasint,omitempty"` // of an escrow
	Arbiter *Digest `cbor:"5,keyasint,omitempty"` // who may release an escrow either way, nil: nobody
}

// Outcome is how a task ended. The contract that owns the task records it, once.
type Outcome struct {
	Task string `cbor:"1,keyasint"`
	Done bool   `cbor:"2,keyasint,omitempty"` // true: the payee earned it; false: it goes back
	At   Millis `cbor:"3,keyasint"`
	TxID string `cbor:"4,keyasint"`
}

// CreditAccount is who owns notes. It belongs to an organisation and is bound to one certificate's key
// at a time; a certificate that is renewed with its key keeps it.
type CreditAccount struct {
	ID      Digest `cbor:"1,keyasint"` // the binding of its first key, see CreditBinding
	MSPID   string `cbor:"2,keyasint"`
	Subject string `cbor:"3,keyasint"` // common name of the certificate that was bound last
	Binding Digest `cbor:"4,keyasint"` // of the key that moves its notes
	// Next is the binding of the key that may take the account over, nil: none.
	Next *Digest `cbor:"5,keyasint,omitempty"`
	// Frozen: the key may move nothing, since the organisation called it lost. Taking over unfreezes.
	Frozen    bool   `cbor:"6,keyasint,omitempty"`
	Rotations uint32 `cbor:"7,keyasint,omitempty"`
	OpenedAt  Millis `cbor:"8,keyasint"`
	ChangedAt Millis `cbor:"9,keyasint"`
	TxID      string `cbor:"10,keyasint"`           // of the last change
	OfferedAt Millis `cbor:"11,keyasint,omitempty"` // when it last named a next key by itself
}

// CreditBinding names a key within an organisation: SHA-256 over a prefix, the MSP ID with its length,
// and the SHA-256 of the key in PKIX DER form.
func CreditBinding(mspID string, key Digest) Digest {
	h := sha256.New()
	h.Write([]byte("waybill credit account\x00"))
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(mspID)))
	h.Write(n[:])
	h.Write([]byte(mspID))
	h.Write(key[:])
	return Digest(h.Sum(nil))
}

// KeyBinding is the account that a key is or was bound to. A key that was replaced is never bound again.
type KeyBinding struct {
	Account Digest `cbor:"1,keyasint"`
	Retired bool   `cbor:"2,keyasint,omitempty"`
	Until   Millis `cbor:"3,keyasint,omitempty"` // when it was replaced
}

// CreditKind is what an operation on credits does.
type CreditKind uint8

// The kinds. The first eight are asked for by the holder of an account; a slash and a reward are decided
// by the contract of the task.
const (
	CreditOpen     CreditKind = 1
	CreditRotate   CreditKind = 2
	CreditTransfer CreditKind = 3
	CreditLock     CreditKind = 4
	CreditRelease  CreditKind = 5
	CreditBurn     CreditKind = 6
	CreditBond     CreditKind = 7
	CreditUnbond   CreditKind = 8
	CreditMint     CreditKind = 9
	CreditSlash    CreditKind = 10
	CreditReward   CreditKind = 11
)

// String names the kind in lower case.
func (k CreditKind) String() string {
	names := [...]string{"unknown", "open", "rotate", "transfer", "lock", "release", "burn", "bond", "unbond", "mint", "slash", "reward"}
	if int(k) >= len(names) {
		return names[0]
	}
	return names[k]
}

// CreditOperation is what the holder of an account asks for: exactly one of the eight.
type CreditOperation struct {
	Open     *OpenAccount `cbor:"1,keyasint,omitempty"`
	Rotate   *RotateKey   `cbor:"2,keyasint,omitempty"`
	Transfer *Transfer    `cbor:"3,keyasint,omitempty"`
	Lock     *LockNotes   `cbor:"4,keyasint,omitempty"`
	Release  *ReleaseNote `cbor:"5,keyasint,omitempty"`
	Burn     *BurnNotes   `cbor:"6,keyasint,omitempty"`
	Bond     *BondStake   `cbor:"7,keyasint,omitempty"`
	Unbond   *UnbondStake `cbor:"8,keyasint,omitempty"`
	Memo     string       `cbor:"9,keyasint,omitempty"` // for people and books; not for OpenAccount and RotateKey
}

// OpenAccount binds the submitter's key to an account.
type OpenAccount struct {
	// Account is one that names the submitter's key as its next; nil: a new one.
	Account *Digest `cbor:"1,keyasint,omitempty"`
}

// RotateKey names the key that may take the submitter's account over.
type RotateKey struct {
	Next *Digest `cbor:"1,keyasint,omitempty"` // CreditBinding of the key; nil takes the offer back
}

// Payment is credit for an account.
type Payment struct {
	To     Digest  `cbor:"1,keyasint"`
	Amount Credits `cbor:"2,keyasint"`
}

// Transfer spends notes of the submitter's and makes notes of the same sum: a payment, a split, a merger.
type Transfer struct {
	Inputs  []NoteID  `cbor:"1,keyasint"`
	Outputs []Payment `cbor:"2,keyasint"`
}

// LockNotes locks an amount out of notes of the submitter's; what is left over comes back as a note.
type LockNotes struct {
	Inputs []NoteID `cbor:"1,keyasint"`
	Amount Credits  `cbor:"2,keyasint"`
	Lock   Lock     `cbor:"3,keyasint"` // a hold or an escrow
}

// ReleaseNote unlocks a note, for its owner or for the payee of its escrow.
type ReleaseNote struct {
	Note    NoteID `cbor:"1,keyasint"`
	ToPayee bool   `cbor:"2,keyasint,omitempty"`
}

// BurnNotes destroys an amount out of notes of the submitter's.
type BurnNotes struct {
	Inputs []NoteID `cbor:"1,keyasint"`
	Amount Credits  `cbor:"2,keyasint"`
}

// BondStake adds an amount out of notes of the submitter's to its stake.
type BondStake struct {
	Inputs []NoteID `cbor:"1,keyasint"`
	Amount Credits  `cbor:"2,keyasint"`
}

// UnbondStake begins to take an amount out of the submitter's stake.
type UnbondStake struct {
	Stake  NoteID  `cbor:"1,keyasint"` // the note that is the stake now
	Amount Credits `cbor:"2,keyasint"`
}

// Receipt is what an operation did, for good. The sum of what it spent and minted is that of what it made
// and burned.
type Receipt struct {
	Operation Digest      `cbor:"1,keyasint"` // of what was asked for; names the receipt
	Kind      CreditKind  `cbor:"2,keyasint"`
	Account   *Digest     `cbor:"3,keyasint,omitempty"` // the submitter's, nil where an organisation or a contract acted
	MSPID     string      `cbor:"4,keyasint"`           // the submitter's
	Spent     []NamedNote `cbor:"5,keyasint,omitempty"`
	Created   []NamedNote `cbor:"6,keyasint,omitempty"`
	Minted    Credits     `cbor:"7,keyasint,omitempty"`
	Burned    Credits     `cbor:"8,keyasint,omitempty"`
	Memo      string      `cbor:"9,keyasint,omitempty"`
	Stake     *Stake      `cbor:"10,keyasint,omitempty"` // as it is afterwards, where it changed
	Cause     string      `cbor:"11,keyasint,omitempty"` // of a mint its source, of a slash the fault, of a reward the task
	TxID      string      `cbor:"12,keyasint"`
	At        Millis      `cbor:"13,keyasint"`
}

// Supply is a fact that changed how many credits there are: a mint or a burn.
type Supply struct {
	Amount  Credits `cbor:"1,keyasint"`
	Receipt Digest  `cbor:"2,keyasint"`
}

// CreditSums are sums over the ledger, or over a part of it that Next continues.
type CreditSums struct {
	Minted  Credits `cbor:"1,keyasint"`
	Burned  Credits `cbor:"2,keyasint"`
	Unspent Credits `cbor:"3,keyasint"` // of notes without a lock
	Locked  Credits `cbor:"4,keyasint"`
	Facts   uint64  `cbor:"5,keyasint"`           // notes, mints and burns that were summed
	Next    string  `cbor:"6,keyasint,omitempty"` // where to go on; empty: this was the end
}

// Plus adds the sums of two parts; where to go on is that of the other.
func (s CreditSums) Plus(o CreditSums) (CreditSums, error) {
	out := CreditSums{Facts: s.Facts + o.Facts, Next: o.Next}
	for _, add := range [...]struct {
		to   *Credits
		a, b Credits
	}{{&out.Minted, s.Minted, o.Minted}, {&out.Burned, s.Burned, o.Burned}, {&out.Unspent, s.Unspent, o.Unspent}, {&out.Locked, s.Locked, o.Locked}} {
		var err error
		if *add.to, err = add.a.Plus(add.b); err != nil {
			return CreditSums{}, err
		}
	}
	return out, nil
}

// Check holds that what was minted and not burned is there: unspent or locked. It is for sums over the
// whole ledger at one height.
func (s CreditSums) Check() error {
	there, err := s.Unspent.Plus(s.Locked)
	if err != nil {
		return err
	}
	gone, err := there.Plus(s.Burned)
	if err != nil {
		return err
	}
	if gone != s.Minted {
		return refuse(ErrUnbalanced, "%d credits were minted and %d burned; %d are unspent and %d locked", s.Minted, s.Burned, s.Unspent, s.Locked)
	}
	return nil
}

// Limits of credits.
const (
	MaxBatchCredits  = 500 // operations of a transaction
	MaxNotesIn       = 64
	MaxNotesOut      = 64
	MaxMemoBytes     = 200
	MaxTxIDBytes     = 128
	MaxTaskBytes     = 512
	MaxUnbondings    = 8
	MaxAllowances    = 64
	MaxAllowanceUses = 1_000_000 // a period
	MaxSumFacts      = 20_000    // notes, mints and burns that one call sums
)

// Kind tells which of the eight the operation is; zero if it is none or several.
func (op CreditOperation) Kind() CreditKind {
	kind, n := CreditKind(0), 0
	for i, set := range [...]bool{
		op.Open != nil, op.Rotate != nil, op.Transfer != nil, op.Lock != nil,
		op.Release != nil, op.Burn != nil, op.Bond != nil, op.Unbond != nil,
	} {
		if set {
			kind = CreditOpen + CreditKind(i)
			n++
		}
	}
	if n != 1 {
		return 0
	}
	return kind
}

// Inputs are the notes that the operation names.
func (op CreditOperation) Inputs() []NoteID {
	switch op.Kind() {
	case CreditTransfer:
		return op.Transfer.Inputs
	case CreditLock:
		return op.Lock.Inputs
	case CreditRelease:
		return []NoteID{op.Release.Note}
	case CreditBurn:
		return op.Burn.Inputs
	case CreditBond:
		return op.Bond.Inputs
	case CreditUnbond:
		return []NoteID{op.Unbond.Stake}
	default:
		return nil
	}
}

// CheckCredit holds what can be said of an operation by itself.
func CheckCredit(op CreditOperation) error {
	if err := checkMemo(op.Memo); err != nil {
		return err
	}
	switch kind := op.Kind(); kind {
	case CreditOpen, CreditRotate:
		if op.Memo != "" {
			return refuse(ErrSchema, "an account's operations have no memo")
		}
		return nil
	case CreditTransfer:
		if err := checkInputs(op.Transfer.Inputs); err != nil {
			return err
		}
		return checkPayments(op.Transfer.Outputs)
	case CreditLock:
		if err := checkSpending(op.Lock.Inputs, op.Lock.Amount); err != nil {
			return err
		}
		return checkLock(op.Lock.Lock)
	case CreditRelease:
		return op.Release.Note.check()
	case CreditBurn:
		return checkSpending(op.Burn.Inputs, op.Burn.Amount)
	case CreditBond:
		return checkSpending(op.Bond.Inputs, op.Bond.Amount)
	case CreditUnbond:
		return checkSpending([]NoteID{op.Unbond.Stake}, op.Unbond.Amount)
	default:
		return refuse(ErrSchema, "an operation is one of open, rotate, transfer, lock, release, burn, bond and unbond")
	}
}

func checkMemo(memo string) error {
	if len(memo) > MaxMemoBytes || !utf8.ValidString(memo) || strings.ContainsFunc(memo, unicode.IsControl) {
		return refuse(ErrSchema, "a memo is of at most %d bytes of text without control characters", MaxMemoBytes)
	}
	return nil
}

func checkSpending(inputs []NoteID, amount Credits) error {
	if err := checkInputs(inputs); err != nil {
		return err
	}
	return checkAmount(amount)
}

func checkAmount(a Credits) error {
	if a == 0 || a > MaxCredits {
		return refuse(ErrSchema, "%d credits; amounts are from 1 to %d", a, MaxCredits)
	}
	return nil
}

func checkInputs(inputs []NoteID) error {
	if len(inputs) == 0 || len(inputs) > MaxNotesIn {
		return refuse(ErrSchema, "%d notes to spend; an operation spends 1 to %d", len(inputs), MaxNotesIn)
	}
	seen := make(map[NoteID]struct{}, len(inputs))
	for _, id := range inputs {
		if err := id.check(); err != nil {
			return err
		}
		if _, twice := seen[id]; twice {
			return refuse(ErrNoteSpent, "note %s is named twice", id)
		}
		seen[id] = struct{}{}
	}
	return nil
}

func checkPayments(payments []Payment) error {
	if len(payments) == 0 || len(payments) > MaxNotesOut {
		return refuse(ErrSchema, "%d notes to make; an operation makes 1 to %d", len(payments), MaxNotesOut)
	}
	for _, p := range payments {
		if err := checkAmount(p.Amount); err != nil {
			return err
		}
		if p.To.IsZero() {
			return refuse(ErrSchema, "a payment to no account")
		}
	}
	return nil
}

func checkLock(l Lock) error {
	switch l.Purpose {
	case LockHold:
		if l.NotBefore <= 0 || l.Task != "" || l.Payee != nil || l.Arbiter != nil {
			return refuse(ErrSchema, "a hold has a time, and neither task, payee nor arbiter")
		}
	case LockEscrow:
		if l.Payee == nil || l.Payee.IsZero() || l.Arbiter != nil && l.Arbiter.IsZero() || l.NotBefore < 0 {
			return refuse(ErrSchema, "an escrow has a payee")
		}
		if l.NotBefore == 0 && l.Arbiter == nil {
			// Nobody need ever record how its task ended.
			return refuse(ErrSchema, "an escrow needs a time or an arbiter, or it may stay locked for ever")
		}
	default:
		return refuse(ErrSchema, "notes are locked as hold or escrow; stakes are bonded")
	}
	if l.NotBefore > farthestLock {
		return refuse(ErrSchema, "a lock until %s", stamp(l.NotBefore))
	}
	return checkTask(l.Task, true)
}

// farthestLock is 2200-01-01T00:00:00Z.
const farthestLock Millis = 7_258_118_400_000

func checkTask(task string, mayBeEmpty bool) error {
	if task == "" && mayBeEmpty {
		return nil
	}
	if task == "" || len(task) > MaxTaskBytes || !printable(task) {
		return refuse(ErrSchema, "a task is named by 1 to %d printable characters", MaxTaskBytes)
	}
	return nil
}
