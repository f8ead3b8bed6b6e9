package ledger

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"slices"
)

// ReferenceKind is what a reference names.
type ReferenceKind uint8

// The kinds.
const (
	RefPolicy    ReferenceKind = 1 // version First of policy ID
	RefEvent     ReferenceKind = 2 // event Digest
	RefSegments  ReferenceKind = 3 // segments First to Last of device ID; the last has digest Digest
	RefFinding   ReferenceKind = 4 // Finding was raised
	RefClosed    ReferenceKind = 5 // Finding was closed
	RefWithdrawn ReferenceKind = 6 // event Digest was declared in error by its recorder
	// RefElsewhere: event Digest ties logger ID to the container that Containers names, for a journey that is not the
	// shipment's: it binds it there (First TiedBound) or ends that (TiedRemoved). What was measured meanwhile went there.
	RefElsewhere ReferenceKind = 7
)

// What the event of a RefElsewhere does.
const (
	TiedBound   uint64 = 1
	TiedRemoved uint64 = 2
)

// Reference is something recorded that a scoring engine observes.
type Reference struct {
	Kind   ReferenceKind `cbor:"1,keyasint"`
	ID     string        `cbor:"2,keyasint,omitempty"`
	First  uint64        `cbor:"3,keyasint,omitempty"`
	Last   uint64        `cbor:"4,keyasint,omitempty"`
	Digest Digest        `cbor:"5,keyasint"`
	// Finding is the finding as it was recorded then.
	Finding *Finding `cbor:"6,keyasint,omitempty"`
	// Containers says which items of the event or finding are in the shipment, through however many containers: they have
	// it as their container. A container of which only the contents matter is said to be in itself.
	Containers []Contained `cbor:"7,keyasint,omitempty"`
}

// Contained is an item in a container.
type Contained struct {
	Item      string `cbor:"1,keyasint"`
	Container string `cbor:"2,keyasint"`
}

// TaskStatement says what is to be scored: all that bears on a shipment, in ledger order, up to what makes a
// judgement due. Its digest is the task's id, so that a list that differs is another task.
type TaskStatement struct {
	Shipment string `cbor:"1,keyasint"`
	Window   uint32 `cbor:"2,keyasint"`
	// Begins is the window of the journey's first verdict: 0 unless the container was on a journey before.
	Begins     uint32      `cbor:"3,keyasint,omitempty"`
	Model      string      `cbor:"4,keyasint,omitempty"` // "id@digest"; empty: each scorer's own, see Blend
	References []Reference `cbor:"5,keyasint"`
	// Inputs is the engine's digest of the inputs that follow from the references; zero without a model, since it
	// covers the model's name.
	Inputs Digest `cbor:"6,keyasint"`
}

// Seat is a scorer's part in a task.
type Seat struct {
	Account Digest  `cbor:"1,keyasint"`
	MSPID   string  `cbor:"2,keyasint"`
	Weight  Credits `cbor:"3,keyasint"` // bonded when the task opened
	// Unbonds is how often the account had asked stake back then, see Stake.
	Unbonds uint32 `cbor:"4,keyasint,omitempty"`
}

// ScoringTask is a task as it opened. It is written once.
type ScoringTask struct {
	ID        Digest        `cbor:"1,keyasint"`
	Statement TaskStatement `cbor:"2,keyasint"`
	Policy    uint32        `cbor:"3,keyasint"` // version of the scoring policy
	Panel     []Seat        `cbor:"4,keyasint"` // by account
	Weight    Credits       `cbor:"5,keyasint"` // of all seats
	Readings  uint32        `cbor:"6,keyasint"` // times of the segments
	CommitBy  Millis        `cbor:"7,keyasint"`
	By        Digest        `cbor:"8,keyasint"` // account that opened it
	At        Millis        `cbor:"9,keyasint"`
	TxID      string        `cbor:"10,keyasint"`
}

// Seat finds a scorer's part.
func (t ScoringTask) Seat(account Digest) (Seat, bool) {
	i, ok := slices.BinarySearchFunc(t.Panel, account, func(s Seat, a Digest) int { return bytes.Compare(s.Account[:], a[:]) })
	if !ok {
		return Seat{}, false
	}
	return t.Panel[i], true
}

// TaskAnswer is what a scorer finds. Two that are equal are one verdict.
type TaskAnswer struct {
	Model   string       `cbor:"1,keyasint"`
	Level   VerdictLevel `cbor:"2,keyasint"`
	Score   int64        `cbor:"3,keyasint"`
	PValue  int64        `cbor:"4,keyasint,omitempty"`
	Trace   Digest       `cbor:"5,keyasint"`
	Verdict Digest       `cbor:"6,keyasint"` // of the whole verdict
}

// Commitment is what a scorer binds itself to before it sees another's answer. Written once for a task and a scorer.
type Commitment struct {
	Task       Digest `cbor:"1,keyasint"`
	Account    Digest `cbor:"2,keyasint"`
	Commitment Digest `cbor:"3,keyasint"`
	At         Millis `cbor:"4,keyasint"`
	TxID       string `cbor:"5,keyasint"`
}

// Closing ends the commitments to a task.
type Closing struct {
	Task      Digest   `cbor:"1,keyasint"`
	Committed []Digest `cbor:"2,keyasint"` // accounts, ascending
	Weight    Credits  `cbor:"3,keyasint"` // of their seats
	RevealBy  Millis   `cbor:"4,keyasint"`
	At        Millis   `cbor:"5,keyasint"`
	TxID      string   `cbor:"6,keyasint"`
}

// Reveal opens a commitment.
type Reveal struct {
	Task    Digest     `cbor:"1,keyasint"`
	Account Digest     `cbor:"2,keyasint"`
	Answer  TaskAnswer `cbor:"3,keyasint"`
	Nonce   Digest     `cbor:"4,keyasint"`
	At      Millis     `cbor:"5,keyasint"`
	TxID    string     `cbor:"6,keyasint"`
}

// Provisional is an answer that more than two thirds of the revealed stake gave, or that the referee found. It becomes
// final if nobody proves it wrong, or what it rests on incomplete.
type Provisional struct {
	Task   Digest     `cbor:"1,keyasint"`
	Answer TaskAnswer `cbor:"2,keyasint"`
	Weight Credits    `cbor:"3,keyasint"` // that agrees
	Of     Credits    `cbor:"4,keyasint"` // revealed
	// By is how the referee came to rule, 0: it did not. Drawn and Prover are then the settlement's.
	By     SettledBy `cbor:"5,keyasint,omitempty"`
	Drawn  bool      `cbor:"6,keyasint,omitempty"`
	Prover *Digest   `cbor:"7,keyasint,omitempty"`
	At     Millis    `cbor:"8,keyasint"`
	TxID   string    `cbor:"9,keyasint"`
}

// SettledBy is what made an answer final, or voided a task.
type SettledBy uint8

// The ways.
const (
	SettledUnanimous  SettledBy = 1 // the whole panel revealed one answer
	SettledWindow     SettledBy = 2 // nobody challenged a provisional answer in time
	SettledDraw       SettledBy = 3 // the draw had it re-executed
	SettledSplit      SettledBy = 4 // no answer had two thirds, so it was re-executed
	SettledChallenge  SettledBy = 5 // a challenge had it re-executed
	SettledNoWindow   SettledBy = 6 // void: the references are not a window of the shipment
	SettledOmission   SettledBy = 7 // void: nobody refuted that a recorded segment or event is left out
	SettledSuperseded SettledBy = 8 // void: another task of the window was final before
	SettledNobody     SettledBy = 9 // void: nobody revealed
	SettledBlend      SettledBy = 10
	SettledRevoked    SettledBy = 11 // void: its model was revoked
)

// String names the way in lower case.
func (s SettledBy) String() string {
	names := [...]string{"unknown", "unanimous", "window", "draw", "split", "challenge", "no_window", "omission", "superseded", "nobody", "blend", "revoked"}
	if int(s) >= len(names) {
		return names[0]
	}
	return names[s]
}

// Settlement is how a task ended, for good.
type Settlement struct {
	Task   Digest      `cbor:"1,keyasint"`
	By     SettledBy   `cbor:"2,keyasint"`
	Answer *TaskAnswer `cbor:"3,keyasint,omitempty"` // nil: the task is void
	Drawn  bool        `cbor:"4,keyasint,omitempty"` // the jackpot was paid
	Right  []Digest    `cbor:"5,keyasint,omitempty"` // accounts that were paid, ascending
	Wrong  []Digest    `cbor:"6,keyasint,omitempty"` // accounts whose answers were proven wrong, ascending
	Blend  *Blend      `cbor:"7,keyasint,omitempty"`
	Prover *Digest     `cbor:"8,keyasint,omitempty"` // account whose call had it re-executed
	MSPID  string      `cbor:"9,keyasint"`           // the submitter's
	At     Millis      `cbor:"10,keyasint"`
	TxID   string      `cbor:"11,keyasint"`
}

// FinalVerdict says which answer stands for a window. There is one for a shipment, window and model.
type FinalVerdict struct {
	Shipment string     `cbor:"1,keyasint"`
	Window   uint32     `cbor:"2,keyasint"`
	Model    string     `cbor:"3,keyasint,omitempty"`
	Task     Digest     `cbor:"4,keyasint"`
	Answer   TaskAnswer `cbor:"5,keyasint"`
	By       SettledBy  `cbor:"6,keyasint"`
	At       Millis     `cbor:"7,keyasint"`
	TxID     string     `cbor:"8,keyasint"`
	// Verdict is the whole verdict where another is recorded under its key.
	Verdict *Verdict `cbor:"9,keyasint,omitempty"`
	// Ended says that the journey had ended, so that the next window may be another's first. Of a blend it is not told.
	Ended bool `cbor:"10,keyasint,omitempty"`
}

// TaskPhase is where a task is.
type TaskPhase uint8

// The phases.
const (
	TaskAbsent      TaskPhase = 0
	TaskOpen        TaskPhase = 1 // takes commitments
	TaskClosed      TaskPhase = 2 // takes reveals
	TaskProvisional TaskPhase = 3
	TaskFinal       TaskPhase = 4
	TaskVoid        TaskPhase = 5
)

// String names the phase in lower case.
func (p TaskPhase) String() string {
	return [...]string{"absent", "open", "closed", "provisional", "final", "void", "unknown"}[min(int(p), 6)]
}

// TaskView is a task with all that was done to it.
type TaskView struct {
	Task        ScoringTask  `cbor:"1,keyasint"`
	Commitments []Commitment `cbor:"2,keyasint,omitempty"` // by account
	Closing     *Closing     `cbor:"3,keyasint,omitempty"`
	Reveals     []Reveal     `cbor:"4,keyasint,omitempty"` // by account
	Provisional *Provisional `cbor:"5,keyasint,omitempty"`
	Settlement  *Settlement  `cbor:"6,keyasint,omitempty"`
	Claims      []Claim      `cbor:"7,keyasint,omitempty"` // by account
}

// Phase tells where the task is.
func (v TaskView) Phase() TaskPhase {
	switch {
	case v.Settlement != nil && v.Settlement.Answer != nil:
		return TaskFinal
	case v.Settlement != nil:
		return TaskVoid
	case v.Provisional != nil:
		return TaskProvisional
	case v.Closing != nil:
		return TaskClosed
	case !v.Task.ID.IsZero():
		return TaskOpen
	}
	return TaskAbsent
}

// TaskOperation is what a scorer asks for: exactly one.
type TaskOperation struct {
	Register  *RegisterScorer   `cbor:"1,keyasint,omitempty"`
	Open      *TaskStatement    `cbor:"2,keyasint,omitempty"`
	Commit    *CommitAnswer     `cbor:"3,keyasint,omitempty"`
	Close     *Digest           `cbor:"4,keyasint,omitempty"` // task
	Reveal    *RevealAnswer     `cbor:"5,keyasint,omitempty"`
	Settle    *SettleTask       `cbor:"6,keyasint,omitempty"`
	Challenge *ChallengeTask    `cbor:"7,keyasint,omitempty"`
	Expire    *Digest           `cbor:"8,keyasint,omitempty"` // task
	Expose    *SignedCommitment `cbor:"9,keyasint,omitempty"`
	Inspect   *InspectTask      `cbor:"10,keyasint,omitempty"`
	Refute    *RefuteClaim      `cbor:"11,keyasint,omitempty"`
}

// RegisterScorer makes the submitter's account a scorer, or ends it.
type RegisterScorer struct {
	Leave bool `cbor:"1,keyasint,omitempty"`
}

// CommitAnswer commits to an answer.
type CommitAnswer struct {
	Task       Digest `cbor:"1,keyasint"`
	Commitment Digest `cbor:"2,keyasint"`
}

// RevealAnswer opens a commitment.
type RevealAnswer struct {
	Task   Digest     `cbor:"1,keyasint"`
	Answer TaskAnswer `cbor:"2,keyasint"`
	Nonce  Digest     `cbor:"3,keyasint"`
}

// SettleTask asks that a task be brought to its end.
type SettleTask struct {
	Task Digest `cbor:"1,keyasint"`
	// Verdict is the whole of the verdict that most agree on; the referee needs none.
	Verdict *Verdict `cbor:"2,keyasint,omitempty"`
}

// ChallengeTask asks, with a bond, that the referee re-execute a task; or says what is wrong with its list.
type ChallengeTask struct {
	Task Digest `cbor:"1,keyasint"`
	// Omitted is a recorded segment or event that the references leave out; it goes before reference At, of a span of
	// segments before number Segment, 0: the whole. That is a Claim, which the proof log can refute.
	Omitted *Reference `cbor:"2,keyasint,omitempty"`
	At      uint32     `cbor:"3,keyasint,omitempty"`
	Segment uint64     `cbor:"5,keyasint,omitempty"`
	// Order shows two references that are not in the ledger's order.
	Order *Misplaced `cbor:"4,keyasint,omitempty"`
	// Since shows, of an event that is left out where a container's later journey opens, that it came after all of the journey
	// before: the proof of two leaves, of the last fact that one's last final verdict rests on and of the event.
	Since []byte `cbor:"6,keyasint,omitempty"`
	// Late says, of what is shown so, that it is no part of this journey but of the one before, which then had a window more: the
	// one with which the task has this one begin. It goes before what this one begins with.
	Late bool `cbor:"7,keyasint,omitempty"`
}

// SignedCommitment is a commitment that a scorer signed outside the ledger. Another than the one it recorded
// proves that it says different things to different people.
type SignedCommitment struct {
	Task       Digest `cbor:"1,keyasint"`
	Account    Digest `cbor:"2,keyasint"`
	Commitment Digest `cbor:"3,keyasint"`
	PublicKey  []byte `cbor:"4,keyasint"` // PKIX DER, of the account
	Signature  []byte `cbor:"5,keyasint"` // over the statement of task, account and commitment
}

// signedBy gives the binding of the key that signed, for an account of an organisation.
func (s SignedCommitment) signedBy(mspID string) Digest {
	return CreditBinding(mspID, sha256.Sum256(s.PublicKey))
}

// verify checks that the public key signed statement. Whose it is, it does not ask.
func (s SignedCommitment) verify(statement []byte) error {
	if len(s.PublicKey) > MaxPublicKeyBytes || len(s.Signature) == 0 || len(s.Signature) > MaxSignatureBytes {
		return refuse(ErrSchema, "a public key of %d and a signature of %d bytes", len(s.PublicKey), len(s.Signature))
	}
	public, err := x509.ParsePKIXPublicKey(s.PublicKey)
	if err != nil {
		return refuse(ErrSchema, "the public key is not in PKIX DER form")
	}
	ok := false
	switch key := public.(type) {
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, statement, s.Signature)
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(statement)
		ok = ecdsa.VerifyASN1(key, digest[:], s.Signature)
	}
	if !ok {
		return refuse(ErrSignature, "account %s", s.Account)
	}
	return nil
}

// Bounds of a task.
const (
	MaxBatchTasks     = 100
	MaxTaskReferences = 512
	MaxTaskSegments   = 2_000
	MaxTaskContained  = 64
	// MaxTaskReadings bounds what a challenge re-executes within a transaction, MaxTaskPacks the packs that it reads: one at a
	// time, of at most MaxArgumentBytes, MaxBatchBytes decompressed. MaxTaskPackBytes bounds what it keeps of them: the texts and
	// payloads that the list names, decompressed.
	MaxTaskReadings  = 100_000
	MaxTaskPacks     = 256
	MaxTaskPackBytes = 64 << 20
	// MaxClaimPackBytes is MaxTaskPackBytes of a list with what a claim says that it leaves out, which is in one more pack. What is
	// larger was so without it.
	MaxClaimPackBytes = MaxTaskPackBytes + MaxArgumentBytes
	// MaxClaimReadings and MaxClaimSegments are those bounds, likewise.
	MaxClaimReadings = MaxTaskReadings + MaxSegmentReadings
	MaxClaimSegments = MaxTaskSegments + 1
	// MaxBatchRulings is how many tasks of one transaction the referee re-executes. A claim of the journey before has two lists.
	MaxBatchRulings = 1
	// MaxBatchTaskReads is how many keys the references of the tasks that one transaction opens name: each takes a peer some 0.2 ms.
	// One task names at most MaxTaskReferences + MaxTaskSegments.
	MaxBatchTaskReads = 4_000
	// MaxBatchInspections is how many inspections one transaction reads back, each with its pack.
	MaxBatchInspections = 4
)

// Reads is how many keys the references of a task name.
func (s TaskStatement) Reads() int {
	n := 0
	for _, r := range s.References {
		if n++; r.Kind == RefSegments && r.Last-r.First < MaxTaskSegments {
			n += int(r.Last - r.First) //nolint:gosec // it is below MaxTaskSegments
		}
	}
	return n
}

// TaskKind is which of the operations it is; empty if it is none or several.
func (op TaskOperation) TaskKind() string {
	kind, n := "", 0
	for _, c := range [...]struct {
		set  bool
		name string
	}{
		{op.Register != nil, "register"},
		{op.Open != nil, "open"},
		{op.Commit != nil, "commit"},
		{op.Close != nil, "close"},
		{op.Reveal != nil, "reveal"},
		{op.Settle != nil, "settle"},
		{op.Challenge != nil, "challenge"},
		{op.Expire != nil, "expire"},
		{op.Expose != nil, "expose"},
		{op.Inspect != nil, "inspect"},
		{op.Refute != nil, "refute"},
	} {
		if c.set {
			kind = c.name
			n++
		}
	}
	if n != 1 {
		return ""
	}
	return kind
}

// CheckTaskOperation holds what can be said of an operation by itself.
func CheckTaskOperation(op TaskOperation) error {
	switch op.TaskKind() {
	case "register":
		return nil
	case "open":
		return CheckTask(*op.Open)
	case "commit":
		if op.Commit.Commitment.IsZero() {
			return refuse(ErrSchema, "no commitment")
		}
		return needTask(op.Commit.Task)
	case "close":
		return needTask(*op.Close)
	case "reveal":
		if err := checkAnswer(op.Reveal.Answer); err != nil {
			return err
		}
		return needTask(op.Reveal.Task)
	case "settle":
		if op.Settle.Verdict != nil {
			if err := CheckVerdict(*op.Settle.Verdict); err != nil {
				return err
			}
		}
		return needTask(op.Settle.Task)
	case "challenge":
		c := op.Challenge
		if c.Order != nil {
			if c.Omitted != nil || c.At != 0 || c.Segment != 0 || c.Since != nil || c.Late {
				return refuse(ErrSchema, "a challenge says one thing of a list")
			}
			if o := c.Order; o.Former && (o.Second != 0 || o.SecondSegment != 0) {
				return refuse(ErrSchema, "the end of the journey before is no reference of the task")
			}
			if c.Order.Former && len(c.Order.Proof) == 0 {
				return needTask(c.Task)
			}
			if err := checkProof(c.Order.Proof); err != nil {
				return err
			}
		}
		if c.Late && c.Since == nil {
			return refuse(ErrSchema, "what is of the journey before is shown to come after all that its last verdict rests on")
		}
		if c.Since != nil {
			if c.Omitted == nil || c.Omitted.Kind != RefEvent && !c.Late {
				return refuse(ErrSchema, "an event that is left out is shown to come after a journey")
			}
			if err := checkProof(c.Since); err != nil {
				return err
			}
		}
		if c.Omitted != nil && c.Omitted.Kind != RefEvent && (c.Omitted.Kind != RefSegments || c.Omitted.First != c.Omitted.Last) {
			return refuse(ErrSchema, "what is left out is one segment or one event")
		}
		if c.Omitted != nil && len(c.Omitted.Containers) > 0 {
			// Nothing on the ledger says which items were where then, so that a challenger could say anything.
			return refuse(ErrSchema, "of what is left out no containers are told")
		}
		if c.Omitted != nil {
			if err := checkReference(*c.Omitted); err != nil {
				return err
			}
		}
		return needTask(c.Task)
	case "expire":
		return needTask(*op.Expire)
	case "expose":
		return needTask(op.Expose.Task)
	case "inspect":
		return needTask(op.Inspect.Task)
	case "refute":
		if op.Refute.Account.IsZero() {
			return refuse(ErrSchema, "no claimant")
		}
		if err := checkProof(op.Refute.Proof); err != nil {
			return err
		}
		return needTask(op.Refute.Task)
	}
	return refuse(ErrSchema, "an operation is one of register, open, commit, close, reveal, settle, challenge, expire, expose, inspect and refute")
}

func needTask(id Digest) error {
	if id.IsZero() {
		return refuse(ErrSchema, "no task")
	}
	return nil
}

func checkAnswer(a TaskAnswer) error {
	switch {
	case a.Model == "" || len(a.Model) > MaxModelBytes || !printable(a.Model):
		return refuse(ErrSchema, "an answer's model is of 1 to %d printable characters", MaxModelBytes)
	case a.Level < Clear || a.Level > Quarantine || a.Score < 0 || a.Score > million || a.PValue < 0 || a.PValue > million:
		return refuse(ErrSchema, "an answer of level %d, score %d and p-value %d", a.Level, a.Score, a.PValue)
	case a.Trace.IsZero() || a.Verdict.IsZero():
		return refuse(ErrSchema, "an answer names the digests of its trace and verdict")
	}
	return nil
}

// CheckTask holds what can be said of a statement by itself: bounds, and that the segments of a device are in
// the order of its chain.
func CheckTask(s TaskStatement) error {
	if err := checkCanonical("shipment", s.Shipment); err != nil {
		return err
	}
	switch {
	case len(s.Model) > MaxModelBytes || s.Model != "" && !printable(s.Model):
		return refuse(ErrSchema, "a model is of at most %d printable characters", MaxModelBytes)
	case s.Begins > s.Window:
		return refuse(ErrSchema, "window %d of a journey that begins at %d", s.Window, s.Begins)
	case s.Inputs.IsZero() != (s.Model == ""):
		return refuse(ErrSchema, "a task of one model has the digest of its inputs, one of several models none")
	case len(s.References) == 0 || len(s.References) > MaxTaskReferences:
		return refuse(ErrTooLarge, "%d references; a task has 1 to %d", len(s.References), MaxTaskReferences)
	}
	next, events := map[string]uint64{}, map[Digest]struct{}{}
	segments := uint64(0)
	for _, r := range s.References {
		if err := checkReference(r); err != nil {
			return err
		}
		if _, twice := events[r.Digest]; twice && r.Kind == RefEvent {
			return refuse(ErrSchema, "event %s is listed twice", r.Digest)
		}
		if r.Kind == RefEvent {
			events[r.Digest] = struct{}{}
		}
		if r.Kind != RefSegments {
			continue
		}
		if least, seen := next[r.ID]; seen && r.First < least {
			return refuse(ErrSchema, "segment %d of %s comes after a later one", r.First, r.ID)
		}
		next[r.ID] = r.Last + 1
		segments += r.Last - r.First + 1
	}
	if segments > MaxTaskSegments {
		return refuse(ErrTooLarge, "%d segments, at most %d are allowed", segments, MaxTaskSegments)
	}
	return nil
}

func checkReference(r Reference) error {
	if len(r.Containers) > MaxTaskContained {
		return refuse(ErrTooLarge, "%d items in containers, at most %d are allowed", len(r.Containers), MaxTaskContained)
	}
	for i, c := range r.Containers {
		if c.Item == "" || c.Container == "" || len(c.Item) > MaxIdentifierBytes || len(c.Container) > MaxIdentifierBytes || i > 0 && c.Item <= r.Containers[i-1].Item {
			return refuse(ErrSchema, "items in containers ascend, once each")
		}
	}
	span := r.First != 0 || r.Last != 0
	switch r.Kind {
	case RefPolicy:
		if !plainName(r.ID, MaxPolicyIDBytes) || r.First == 0 || r.First > 1<<32-1 || r.Last != 0 || !r.Digest.IsZero() || r.Finding != nil {
			return refuse(ErrSchema, "a policy is named by id and version")
		}
	case RefEvent, RefWithdrawn:
		if r.ID != "" || span || r.Digest.IsZero() || r.Finding != nil {
			return refuse(ErrSchema, "an event is named by its hash")
		}
	case RefElsewhere:
		if r.First != TiedBound && r.First != TiedRemoved || r.Last != 0 || r.Digest.IsZero() || r.Finding != nil || len(r.Containers) != 1 || r.Containers[0].Item != r.ID {
			return refuse(ErrSchema, "where else a logger was is named by logger, what an event did, its hash and the container")
		}
		return checkCanonical("device id", r.ID)
	case RefSegments:
		if r.First > r.Last || r.Last-r.First >= MaxTaskSegments || r.Last >= 1<<62 || r.Digest.IsZero() || r.Finding != nil || len(r.Containers) > 0 {
			return refuse(ErrSchema, "segments are named by device, numbers and the digest of the last")
		}
		return checkCanonical("device id", r.ID)
	case RefFinding, RefClosed:
		f := r.Finding
		if f == nil || r.ID != "" || span || !r.Digest.IsZero() || f.Event.IsZero() || len(f.Item) > MaxIdentifierBytes ||
			len(f.Code) > MaxReasonCodeBytes || len(f.Detail) > MaxVerdictBytes/64 || (r.Kind == RefClosed) == f.Open() {
			return refuse(ErrSchema, "a finding is given as it was recorded, closed or not")
		}
	default:
		return refuse(ErrSchema, "a reference of kind %d", r.Kind)
	}
	return nil
}
