package contract_test

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// bank is a channel of organisations A, B and C, whose rules they keep, with holders of credits.
type bank struct {
	t     fatal
	c     *channel
	notes map[string]ledger.NoteID // by the names that a scenario gives them
	msp   map[string]string        // of identities
}

const (
	minStake    = 10
	unbondDelay = 24 * time.Hour
)

// newBank makes a channel with stewards sa, sb and sc; the rules are registered and no policy is in force.
func newBank(t fatal) *bank {
	t.Helper()
	b := &bank{t: t, c: newChannel(t), notes: map[string]ledger.NoteID{}, msp: map[string]string{}}
	for name, org := range map[string]string{"sa": "A", "sb": "B", "sc": "C", "sd": "D"} {
		b.identity(name, org, "steward")
	}
	answers, _ := b.c.submit(t, "A", wire.FnRegisterMaster, encode(t, wire.MasterBatch{Data: []ledger.MasterDatum{{
		Version: 1, Rules: &ledger.Rules{Keepers: []string{"A", "B", "C"}},
	}}}))
	expect(t, answers, "recorded")
	return b
}

func (b *bank) identity(name, org, roles string) {
	b.t.Helper()
	b.c.identity(b.t, name, org, roles)
	b.msp[name] = org
}

// key gives the binding of an identity's key.
func (b *bank) key(name string) ledger.Digest {
	b.t.Helper()
	var id msp.SerializedIdentity
	if err := proto.Unmarshal(b.c.creators[name], &id); err != nil {
		b.t.Fatal(err)
	}
	block, _ := pem.Decode(id.GetIdBytes())
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		b.t.Fatal(err)
	}
	return ledger.CreditBinding(id.GetMspid(), sha256.Sum256(certificate.RawSubjectPublicKeyInfo))
}

// holders makes identities with open accounts.
func (b *bank) holders(org string, names ...string) {
	b.t.Helper()
	for _, name := range names {
		b.identity(name, org, "holder")
		expect(b.t, b.transact(name, ledger.CreditOperation{Open: &ledger.OpenAccount{}}), "recorded")
	}
}

func (b *bank) transact(who string, operations ...ledger.CreditOperation) []wire.Answer {
	b.t.Helper()
	answers, _ := b.c.submit(b.t, who, wire.FnTransact, encode(b.t, wire.CreditBatch{Operations: operations}))
	return answers
}

func (b *bank) govern(who string, motions ...ledger.CreditMotion) []wire.Answer {
	b.t.Helper()
	answers, _ := b.c.submit(b.t, who, wire.FnGovernCredits, encode(b.t, wire.MotionBatch{Motions: motions}))
	return answers
}

// policy puts the usual policy in force.
func (b *bank) policy() {
	b.t.Helper()
	m := ledger.CreditMotion{Policy: &ledger.CreditPolicy{
		Version: 1, MinStake: minStake, TaskMint: 100, UnbondDelay: ledger.Millis(unbondDelay.Milliseconds()),
		Allowances: []ledger.Allowance{{MSPID: "A", Period: 3_600_000, Uses: 2, Amount: 50}},
	}}
	expect(b.t, b.govern("sa", m), "recorded")
	expect(b.t, b.govern("sb", m), "recorded")
}

// mint mints a note by the keepers' votes.
func (b *bank) mint(serial, to string, amount ledger.Credits) ledger.NoteID {
	b.t.Helper()
	m := ledger.CreditMotion{Mint: &ledger.Mint{Serial: serial, Payments: []ledger.Payment{{To: b.key(to), Amount: amount}}}}
	b.govern("sa", m)
	answers := b.govern("sb", m)
	expect(b.t, answers, "recorded")
	return b.receipt(answers[0]).Created[0].ID
}

func (b *bank) receipt(a wire.Answer) ledger.Receipt {
	b.t.Helper()
	return query[ledger.Receipt](b.t, b.c, wire.FnGetReceipt, a.Digest.String())
}

func (b *bank) sums() ledger.CreditSums {
	b.t.Helper()
	var all ledger.CreditSums
	for next, first := "", true; first || next != ""; first = false {
		part := query[ledger.CreditSums](b.t, b.c, wire.FnGetCreditSums, next)
		sums, err := all.Plus(part)
		if err != nil {
			b.t.Fatal(err)
		}
		all, next = sums, part.Next
	}
	return all
}

// conserved holds that no credit came from nowhere or went nowhere.
func (b *bank) conserved() {
	b.t.Helper()
	if err := b.sums().Check(); err != nil {
		b.t.Fatalf("%v", err)
	}
}

// play runs the lines of a scenario of credits; testdata/credits/README.md says what they mean.
func (b *bank) play(name string, text []byte) {
	b.t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		told, names, _ := strings.Cut(line, " as ")
		asked, want, _ := strings.Cut(told, "=>")
		words := strings.Fields(asked)
		if len(words) == 0 {
			continue
		}
		answers := b.line(words)
		if got := statuses(answers); got != strings.TrimSpace(want) {
			b.t.Fatalf("%s:%d: answered %q, not %q: %s", name, n, got, strings.TrimSpace(want), messages(answers))
		}
		for i, called := range strings.Fields(names) {
			b.notes[called] = b.receipt(answers[0]).Created[i].ID
		}
		b.conserved()
	}
}

func messages(answers []wire.Answer) string {
	var all []string
	for _, a := range answers {
		all = append(all, a.Message)
	}
	return strings.Join(all, "; ")
}

// line does what a line of a scenario asks for.
func (b *bank) line(words []string) []wire.Answer {
	b.t.Helper()
	who, verb, rest := words[0], words[1], words[2:]
	o := options(rest)
	switch {
	case who == "later":
		d, err := time.ParseDuration(verb)
		if err != nil {
			b.t.Fatal(err)
		}
		b.c.clock = b.c.clock.Add(d)
		return nil
	case who == "holder":
		b.identity(verb, rest[0], "holder")
		return nil
	case who == "outcome":
		b.outcome(verb, rest[0] == "done")
		return nil
	case verb == "policy" || verb == "mint" || verb == "recover":
		return b.govern(who, b.motion(verb, rest, o))
	}
	op := b.operation(verb, rest, o)
	op.Memo = o["memo"]
	return b.transact(who, op)
}

func (b *bank) motion(verb string, rest []string, o map[string]string) ledger.CreditMotion {
	b.t.Helper()
	switch verb {
	case "policy":
		p := ledger.CreditPolicy{
			Version: uint32(b.number(o["version"])), MinStake: ledger.Credits(b.number(o["min"])), TaskMint: ledger.Credits(b.number(o["task"])),
			UnbondDelay: ledger.Millis(24 * 3_600_000),
		}
		if o["allow"] != "" {
			org, much, _ := strings.Cut(o["allow"], ":")
			uses, amount, _ := strings.Cut(much, "x")
			p.Allowances = []ledger.Allowance{{MSPID: org, Period: 3_600_000, Uses: uint32(b.number(uses)), Amount: ledger.Credits(b.number(amount))}}
		}
		return ledger.CreditMotion{Policy: &p}
	case "recover":
		r := ledger.RecoverAccount{Account: b.account(rest[0])}
		if o["next"] != "" {
			next := b.key(o["next"])
			r.Next = &next
		}
		return ledger.CreditMotion{Recover: &r}
	}
	m := ledger.Mint{Serial: o["serial"], Payments: b.payments(rest)}
	if o["use"] != "" {
		m.Use = &ledger.AllowanceUse{
			Policy: uint32(max(1, b.number(o["policy"]))), Use: uint32(b.number(o["use"])),
			Period: uint64(b.c.clock.UnixMilli()/3_600_000 + b.number(o["period"])),
		}
	}
	return ledger.CreditMotion{Mint: &m}
}

func (b *bank) operation(verb string, rest []string, o map[string]string) ledger.CreditOperation {
	b.t.Helper()
	amount := ledger.Credits(b.number(o["amount"]))
	switch verb {
	case "open":
		var op ledger.OpenAccount
		if o["account"] != "" {
			id := b.account(o["account"])
			op.Account = &id
		}
		return ledger.CreditOperation{Open: &op}
	case "rotate":
		var op ledger.RotateKey
		if o["next"] != "" {
			next := b.key(o["next"])
			op.Next = &next
		}
		return ledger.CreditOperation{Rotate: &op}
	case "transfer":
		return ledger.CreditOperation{Transfer: &ledger.Transfer{Inputs: b.inputs(rest[0]), Outputs: b.payments(rest[1:])}}
	case "burn":
		return ledger.CreditOperation{Burn: &ledger.BurnNotes{Inputs: b.inputs(rest[0]), Amount: amount}}
	case "bond":
		return ledger.CreditOperation{Bond: &ledger.BondStake{Inputs: b.inputs(rest[0]), Amount: amount}}
	case "unbond":
		return ledger.CreditOperation{Unbond: &ledger.UnbondStake{Stake: b.inputs(rest[0])[0], Amount: amount}}
	case "release":
		return ledger.CreditOperation{Release: &ledger.ReleaseNote{Note: b.inputs(rest[0])[0], ToPayee: slices.Contains(rest, "payee")}}
	case "hold", "escrow":
		lock := ledger.Lock{Purpose: ledger.LockHold, Task: o["task"]}
		if o["for"] != "" {
			d, err := time.ParseDuration(o["for"])
			if err != nil {
				b.t.Fatal(err)
			}
			lock.NotBefore = ledger.MillisOf(b.c.clock.Add(d))
		}
		if verb == "escrow" {
			lock.Purpose = ledger.LockEscrow
			payee := b.account(o["payee"])
			lock.Payee = &payee
		}
		if o["arbiter"] != "" {
			arbiter := b.account(o["arbiter"])
			lock.Arbiter = &arbiter
		}
		return ledger.CreditOperation{Lock: &ledger.LockNotes{Inputs: b.inputs(rest[0]), Amount: amount, Lock: lock}}
	}
	b.t.Fatalf("what is %q?", verb)
	return ledger.CreditOperation{}
}

func (b *bank) number(text string) int64 {
	b.t.Helper()
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// account gives the account that an identity's first key names.
func (b *bank) account(name string) ledger.Digest { return b.key(name) }

func (b *bank) inputs(text string) []ledger.NoteID {
	var out []ledger.NoteID
	for name := range strings.SplitSeq(text, ",") {
		id, ok := b.notes[name]
		if !ok {
			id = ledger.NoteID{TxID: name}
		}
		out = append(out, id)
	}
	return out
}

// payments reads words like alice=60.
func (b *bank) payments(words []string) []ledger.Payment {
	var out []ledger.Payment
	for _, word := range words {
		to, amount, _ := strings.Cut(word, "=")
		if _, known := b.msp[to]; !known {
			continue
		}
		out = append(out, ledger.Payment{To: b.account(to), Amount: ledger.Credits(b.number(amount))})
	}
	return out
}

// outcome records how a task ended, as the contract that owns it would.
func (b *bank) outcome(task string, done bool) {
	b.t.Helper()
	key, err := wire.OutcomeKey(task)
	if err != nil {
		b.t.Fatal(err)
	}
	value, err := wire.Encode(ledger.Outcome{Task: task, Done: done, TxID: "outcome"})
	if err != nil {
		b.t.Fatal(err)
	}
	b.c.txs++
	stub := b.c.world.Simulate(statetest.Proposal{TxID: fmt.Sprintf("outcome%d", b.c.txs)})
	if err := stub.PutState(key, value); err != nil {
		b.t.Fatal(err)
	}
	b.c.world.Commit(stub)
}

func TestStoriesOfCredits(t *testing.T) {
	files, err := filepath.Glob("testdata/credits/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			newBank(t).play(filepath.Base(file), text)
		})
	}
}

// The states that a note can be in, each made from a note of the owner's of 100 credits.
func noteStates() []string {
	return []string{
		"unspent", "spent", "hold", "hold over", "escrow", "escrow over", "escrow task open", "escrow task done", "escrow task failed",
		"stake", "unbonding", "unbonding over",
	}
}

func (b *bank) noteIn(state string) ledger.NoteID {
	b.t.Helper()
	note := b.mint("n", "owner", 100)
	b.notes["n"] = note
	locked := func(words ...string) ledger.NoteID {
		answers := b.transact("owner", b.operation(words[0], words[1:], options(words[1:])))
		expect(b.t, answers, "recorded")
		return b.receipt(answers[0]).Created[0].ID
	}
	escrow := []string{"escrow", "n", "amount=100", "payee=payee", "arbiter=arbiter", "for=1h"}
	var out ledger.NoteID
	switch strings.TrimSuffix(state, " over") {
	case "unspent":
		return note
	case "spent":
		expect(b.t, b.transact("owner", b.operation("burn", []string{"n"}, map[string]string{"amount": "99"})), "recorded")
		return note
	case "hold":
		out = locked("hold", "n", "amount=100", "for=1h")
	case "escrow":
		out = locked(escrow...)
	case "escrow task open", "escrow task done", "escrow task failed":
		out = locked(append(escrow, "task=t1")...)
		if !strings.HasSuffix(state, "open") {
			b.outcome("t1", strings.HasSuffix(state, "done"))
		}
	case "stake":
		out = locked("bond", "n", "amount=100")
	case "unbonding":
		b.notes["n"] = locked("bond", "n", "amount=100")
		out = locked("unbond", "n", "amount=100")
	}
	if strings.HasSuffix(state, " over") {
		b.c.clock = b.c.clock.Add(25 * time.Hour)
	}
	return out
}

// legal are the moves that are allowed: state, call, caller.
func legal() map[string]bool {
	out := map[string]bool{}
	allow := func(state string, callers string, calls ...string) {
		for caller := range strings.SplitSeq(callers, ",") {
			for _, call := range calls {
				out[state+"/"+call+"/"+caller] = true
			}
		}
	}
	allow("unspent", "owner", "transfer", "hold", "escrow", "burn", "bond")
	allow("hold over", "owner", "release")
	allow("unbonding over", "owner", "release")
	for _, state := range []string{"escrow", "escrow over", "escrow task open", "escrow task done", "escrow task failed"} {
		allow(state, "owner,arbiter", "release to payee")
		allow(state, "payee,arbiter", "release")
	}
	allow("escrow over", "owner", "release")
	allow("escrow task done", "payee", "release to payee")
	allow("escrow task failed", "owner", "release")
	allow("stake", "owner", "unbond")
	return out
}

// Every move of the state machine of a note, legal and not: state, call, caller.
func TestEveryMoveOfANote(t *testing.T) {
	calls := []string{"transfer", "hold", "escrow", "burn", "bond", "unbond", "release", "release to payee"}
	callers := []string{"owner", "payee", "arbiter", "stranger", "frozen", "retired", "without account", "without role"}
	allowed, seen := legal(), 0
	var table strings.Builder
	for _, state := range noteStates() {
		b := newBank(t)
		b.policy()
		b.holders("A", "owner")
		b.holders("B", "payee", "arbiter", "stranger", "frozen", "retired")
		b.identity("without account", "B", "holder")
		b.identity("without role", "B", "recorder")
		b.identity("heir", "B", "holder")
		frozen, heir, retired := b.key("frozen"), b.key("heir"), b.key("retired")
		expect(t, b.govern("sb", ledger.CreditMotion{Recover: &ledger.RecoverAccount{Account: frozen}}), "recorded")
		expect(t, b.transact("retired", ledger.CreditOperation{Rotate: &ledger.RotateKey{Next: &heir}}), "recorded")
		expect(t, b.transact("heir", ledger.CreditOperation{Open: &ledger.OpenAccount{Account: &retired}}), "recorded")
		b.notes["n"] = b.noteIn(state)
		for _, call := range calls {
			verb, words := call, []string{"n", "amount=100"}
			switch call {
			case "transfer":
				words = []string{"n", "stranger=100"}
			case "hold":
				words = append(words, "for=1h")
			case "escrow":
				words = append(words, "for=1h", "payee=payee")
			case "release to payee":
				verb, words = "release", []string{"n", "payee"}
			}
			op := b.operation(verb, words, options(words))
			for _, caller := range callers {
				_, response := b.c.simulate(caller, "move", wire.FnTransact, encode(t, wire.CreditBatch{Operations: []ledger.CreditOperation{op}}))
				got := "allowed"
				if response.GetStatus() != shim.OK {
					got, _ = ledger.ParseCode(response.GetMessage())
				} else if answers, err := wire.DecodeAnswers(response.GetPayload()); err != nil {
					t.Fatal(err)
				} else if a := answers.Answers[0]; a.Status != ledger.StatusRecorded {
					got = a.Code
				}
				move := state + "/" + call + "/" + caller
				if (got == "allowed") != allowed[move] || got == "" || got == ledger.CodeInternal {
					t.Errorf("%s: %s", move, got)
				}
				delete(allowed, move)
				fmt.Fprintf(&table, "%-18s %-16s %-15s %s\n", state, call, caller, got)
				seen++
			}
		}
	}
	if len(allowed) > 0 || seen != len(noteStates())*len(calls)*len(callers) {
		t.Errorf("%d moves, not seen: %v", seen, allowed)
	}
	golden(t, "testdata/credits/moves.golden", table.String())
}

// golden compares with a file, or writes it where UPDATE is set.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s is otherwise; run with UPDATE=1 and read the difference\n%s", file, got)
	}
}

// A thousand payments to one account commit in one block: nobody writes what another reads.
func TestPaymentsToOneAccountDoNotConflict(t *testing.T) {
	b := newBank(t)
	b.policy()
	b.holders("A", "payer")
	b.holders("B", "shop")
	var notes []ledger.NoteID
	for i := range 20 {
		note := b.mint(fmt.Sprintf("m%d", i), "payer", 50)
		var parts []ledger.Payment
		for range 50 {
			parts = append(parts, ledger.Payment{To: b.key("payer"), Amount: 1})
		}
		answers := b.transact("payer", ledger.CreditOperation{Transfer: &ledger.Transfer{Inputs: []ledger.NoteID{note}, Outputs: parts}})
		expect(t, answers, "recorded")
		for _, n := range b.receipt(answers[0]).Created {
			notes = append(notes, n.ID)
		}
	}
	var block []*statetest.Stub
	for i, note := range notes {
		op := ledger.CreditOperation{Transfer: &ledger.Transfer{Inputs: []ledger.NoteID{note}, Outputs: []ledger.Payment{{To: b.key("shop"), Amount: 1}}}}
		stub, response := b.c.simulate("payer", fmt.Sprintf("pay%d", i), wire.FnTransact, encode(t, wire.CreditBatch{Operations: []ledger.CreditOperation{op}}))
		if response.GetStatus() != shim.OK {
			t.Fatal(response.GetMessage())
		}
		block = append(block, stub)
	}
	if len(block) != 1000 {
		t.Fatal(len(block))
	}
	for i, code := range b.c.world.Commit(block...) {
		if code != peer.TxValidationCode_VALID {
			t.Fatalf("payment %d: %s", i, code)
		}
	}
	b.conserved()
}

// Two spend one note at once: the second is invalidated, and refused when it comes again.
func TestANoteIsSpentOnce(t *testing.T) {
	b := newBank(t)
	b.policy()
	b.holders("A", "owner", "one", "other")
	note := b.mint("m", "owner", 5)
	pay := func(to string) []byte {
		return encode(t, wire.CreditBatch{Operations: []ledger.CreditOperation{{Transfer: &ledger.Transfer{
			Inputs: []ledger.NoteID{note}, Outputs: []ledger.Payment{{To: b.key(to), Amount: 5}},
		}}}})
	}
	first, _ := b.c.simulate("owner", "first", wire.FnTransact, pay("one"))
	second, _ := b.c.simulate("owner", "second", wire.FnTransact, pay("other"))
	if codes := b.c.world.Commit(first, second); codes[0] != peer.TxValidationCode_VALID || codes[1] != peer.TxValidationCode_MVCC_READ_CONFLICT {
		t.Fatal(codes)
	}
	answers, _ := b.c.submit(t, "owner", wire.FnTransact, pay("other"))
	expect(t, answers, "refused:WB_NOTE_SPENT")
	answers, _ = b.c.submit(t, "owner", wire.FnTransact, pay("one"))
	expect(t, answers, "duplicate")
	// Nor within one transaction.
	b.notes["x"] = b.mint("m2", "owner", 5)
	x := b.notes["x"]
	answers = b.transact("owner",
		ledger.CreditOperation{Transfer: &ledger.Transfer{Inputs: []ledger.NoteID{x}, Outputs: []ledger.Payment{{To: b.key("one"), Amount: 5}}}},
		ledger.CreditOperation{Transfer: &ledger.Transfer{Inputs: []ledger.NoteID{x}, Outputs: []ledger.Payment{{To: b.key("other"), Amount: 5}}}},
		ledger.CreditOperation{Transfer: &ledger.Transfer{Inputs: []ledger.NoteID{x, x}, Outputs: []ledger.Payment{{To: b.key("other"), Amount: 10}}}},
	)
	expect(t, answers, "recorded refused:WB_NOTE_SPENT refused:WB_NOTE_SPENT")
	b.conserved()
}

// Amounts are held to their bounds before they are added.
func TestAmountsDoNotOverflow(t *testing.T) {
	b := newBank(t)
	b.policy()
	b.holders("A", "owner")
	most := uint64(ledger.MaxCredits)
	one, two := b.mint("m1", "owner", ledger.MaxCredits), b.mint("m2", "owner", ledger.MaxCredits)
	to := func(amounts ...uint64) ledger.CreditOperation {
		var outputs []ledger.Payment
		for _, a := range amounts {
			outputs = append(outputs, ledger.Payment{To: b.key("owner"), Amount: ledger.Credits(a)})
		}
		return ledger.CreditOperation{Transfer: &ledger.Transfer{Inputs: []ledger.NoteID{one, two}, Outputs: outputs}}
	}
	expect(t, b.transact("owner", to(2*most)), "refused:WB_SCHEMA")
	expect(t, b.transact("owner", to(1<<63, 1<<63, 2*most)), "refused:WB_SCHEMA")
	expect(t, b.transact("owner", to(most, most, 1)), "refused:WB_UNBALANCED")
	expect(t, b.transact("owner", to(most, most-1)), "refused:WB_UNBALANCED")
	expect(t, b.transact("owner", ledger.CreditOperation{Burn: &ledger.BurnNotes{Inputs: []ledger.NoteID{one, two}, Amount: 1}}), "refused:WB_OVERFLOW")
	expect(t, b.transact("owner", ledger.CreditOperation{Bond: &ledger.BondStake{Inputs: []ledger.NoteID{one}, Amount: ledger.MaxCredits}}), "recorded")
	expect(t, b.transact("owner", ledger.CreditOperation{Bond: &ledger.BondStake{Inputs: []ledger.NoteID{two}, Amount: 1}}), "refused:WB_STAKE")
	expect(t, b.transact("owner", to(0)), "refused:WB_SCHEMA")
	b.conserved()
}

// teller drives random operations and keeps books of its own, from receipts alone.
type teller struct {
	*bank
	random  *rand.Rand
	names   []string
	unspent map[ledger.NoteID]ledger.Note
	// What happened: recorded, refused, lost before ordering, invalidated.
	recorded, refused, lost, conflicts int
}

func (x *teller) notesOf(owner ledger.Digest, purpose ledger.LockPurpose) []ledger.NoteID {
	var out []ledger.NoteID
	for id, n := range x.unspent {
		if n.Owner == owner && (n.Lock == nil && purpose == 0 || n.Lock != nil && n.Lock.Purpose == purpose) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(a, b ledger.NoteID) int {
		return cmp.Or(cmp.Compare(a.TxID, b.TxID), cmp.Compare(a.Index, b.Index))
	})
	return out
}

// operation draws an operation that may or may not be allowed.
func (x *teller) draw(owner ledger.Digest, keys []ledger.Digest) ledger.CreditOperation {
	r := x.random
	free := x.notesOf(owner, 0)
	var in []ledger.NoteID
	var sum ledger.Credits
	for range min(len(free), 1+r.IntN(3)) {
		id := free[r.IntN(len(free))]
		if !slices.Contains(in, id) {
			in = append(in, id)
			sum += x.unspent[id].Amount
		}
	}
	if len(in) == 0 {
		in = []ledger.NoteID{{TxID: "nothing"}}
	}
	part := ledger.Credits(r.Uint64N(uint64(sum) + 2))
	other := keys[r.IntN(len(keys))]
	switch r.IntN(10) {
	case 0:
		return ledger.CreditOperation{Burn: &ledger.BurnNotes{Inputs: in, Amount: part % 3}}
	case 1:
		return ledger.CreditOperation{Lock: &ledger.LockNotes{Inputs: in, Amount: part, Lock: ledger.Lock{Purpose: ledger.LockHold, NotBefore: ledger.MillisOf(x.c.clock.Add(time.Minute))}}}
	case 2:
		return ledger.CreditOperation{Lock: &ledger.LockNotes{Inputs: in, Amount: part, Lock: ledger.Lock{Purpose: ledger.LockEscrow, Payee: &other, NotBefore: ledger.MillisOf(x.c.clock.Add(time.Minute))}}}
	case 3:
		return ledger.CreditOperation{Bond: &ledger.BondStake{Inputs: in, Amount: part}}
	case 4:
		if stake := x.notesOf(owner, ledger.LockStake); len(stake) > 0 {
			return ledger.CreditOperation{Unbond: &ledger.UnbondStake{Stake: stake[0], Amount: ledger.Credits(1 + r.Uint64N(uint64(x.unspent[stake[0]].Amount)))}}
		}
	case 5, 6:
		locked := x.notesOf(owner, []ledger.LockPurpose{ledger.LockHold, ledger.LockEscrow, ledger.LockUnbonding}[r.IntN(3)])
		if len(locked) > 0 {
			return ledger.CreditOperation{Release: &ledger.ReleaseNote{Note: locked[r.IntN(len(locked))], ToPayee: r.IntN(2) == 0}}
		}
	}
	payments := []ledger.Payment{{To: other, Amount: part}}
	if part < sum {
		payments = append(payments, ledger.Payment{To: owner, Amount: sum - part})
	}
	if part == 0 {
		payments = payments[1:]
	}
	return ledger.CreditOperation{Transfer: &ledger.Transfer{Inputs: in, Outputs: payments}, Memo: strconv.Itoa(r.IntN(1000))}
}

// book takes what a committed transaction did into the teller's own books.
func (x *teller) book(receipts []ledger.Receipt) {
	x.t.Helper()
	for _, receipt := range receipts {
		for _, n := range receipt.Spent {
			if _, there := x.unspent[n.ID]; !there {
				x.t.Fatalf("note %s was spent twice", n.ID)
			}
			delete(x.unspent, n.ID)
		}
		for _, n := range receipt.Created {
			if _, there := x.unspent[n.ID]; there {
				x.t.Fatalf("note %s was made twice", n.ID)
			}
			x.unspent[n.ID] = n.Note
		}
	}
}

// Credits are conserved over 100,000 random operations of which some are lost between endorsement and
// ordering, some sent twice and some invalidated by others of their block.
func TestCreditsAreConserved(t *testing.T) {
	operations := 100_000
	if testing.Short() {
		operations = 5_000
	}
	b := newBank(t)
	b.policy()
	x := &teller{bank: b, random: rand.New(rand.NewPCG(1, 2)), unspent: map[ledger.NoteID]ledger.Note{}}
	var keys []ledger.Digest
	for i := range 12 {
		name := fmt.Sprintf("h%d", i)
		b.holders([]string{"A", "B", "C"}[i%3], name)
		x.names, keys = append(x.names, name), append(keys, b.key(name))
		for j := range 8 {
			m := ledger.CreditMotion{Mint: &ledger.Mint{Serial: fmt.Sprintf("%s.%d", name, j), Payments: []ledger.Payment{{To: b.key(name), Amount: 10_000}}}}
			b.govern("sa", m)
			_, stub := b.c.submit(t, "sb", wire.FnGovernCredits, encode(t, wire.MotionBatch{Motions: []ledger.CreditMotion{m}}))
			x.book(transaction(t, stub).Credits.Receipts)
		}
	}
	minted := b.sums().Minted
	done, blocks := 0, 0
	for done < operations {
		b.c.clock = b.c.clock.Add(time.Duration(x.random.IntN(3_000)) * time.Second)
		var block []*statetest.Stub
		for range 1 + x.random.IntN(8) {
			at := x.random.IntN(len(x.names))
			var ops []ledger.CreditOperation
			for range 1 + x.random.IntN(12) {
				ops = append(ops, x.draw(keys[at], keys))
			}
			b.c.txs++
			stub, response := b.c.simulate(x.names[at], fmt.Sprintf("tx%d", b.c.txs), wire.FnTransact, encode(t, wire.CreditBatch{Operations: ops}))
			if response.GetStatus() != shim.OK {
				t.Fatal(response.GetMessage())
			}
			answers, err := wire.DecodeAnswers(response.GetPayload())
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range answers.Answers {
				if a.Status == ledger.StatusRefused {
					x.refused++
				}
			}
			done += len(ops)
			if x.random.IntN(20) == 0 {
				x.lost += len(ops)
				continue
			}
			block = append(block, stub)
			if x.random.IntN(20) == 0 {
				block = append(block, stub) // sent twice
			}
		}
		x.random.Shuffle(len(block), func(i, j int) { block[i], block[j] = block[j], block[i] })
		for i, code := range b.c.world.Commit(block...) {
			if code != peer.TxValidationCode_VALID {
				x.conflicts++
				continue
			}
			if block[i].ReadWriteSet().Event == nil {
				continue
			}
			receipts := transaction(t, block[i]).Credits.Receipts
			x.recorded += len(receipts)
			x.book(receipts)
		}
		if blocks++; blocks%200 == 0 {
			b.conserved()
		}
	}
	sums := b.sums()
	if err := sums.Check(); err != nil {
		t.Fatal(err)
	}
	var unspent, locked ledger.Credits
	for _, n := range x.unspent {
		if n.Lock != nil {
			locked += n.Amount
		} else {
			unspent += n.Amount
		}
	}
	if sums.Unspent != unspent || sums.Locked != locked || sums.Minted != minted {
		t.Errorf("the ledger says %+v, receipts %d unspent and %d locked", sums, unspent, locked)
	}
	if x.recorded < operations/5 || x.refused < operations/50 || x.conflicts == 0 || x.lost == 0 || sums.Burned == 0 || locked == 0 {
		t.Errorf("nothing is shown by %d recorded, %d refused, %d lost, %d invalidated: %+v", x.recorded, x.refused, x.lost, x.conflicts, sums)
	}
	t.Logf("%d operations in %d blocks: %d recorded, %d refused, %d lost, %d transactions invalidated; %+v", done, blocks, x.recorded, x.refused, x.lost, x.conflicts, sums)
}

// Every move of the state machine of an account, legal and not: state, call, caller.
func TestEveryMoveOfAnAccount(t *testing.T) {
	states := []string{"absent", "open", "offered", "frozen", "frozen and offered", "taken over"}
	calls := []string{"open", "take over", "offer", "take back", "pay", "freeze"}
	callers := []string{"owner", "heir", "stranger", "steward", "other steward", "without role"}
	legal := map[string]string{ // state and call: who may
		"absent/open": "owner heir stranger", "open/open": "heir stranger", "offered/open": "heir stranger", "frozen/open": "heir stranger",
		"frozen and offered/open": "heir stranger", "taken over/open": "stranger",
		"offered/take over": "heir", "frozen and offered/take over": "heir",
		"open/offer": "owner", "offered/take back": "owner", "taken over/offer": "heir",
		"open/pay": "owner", "offered/pay": "owner", "taken over/pay": "heir",
		"open/freeze": "steward", "offered/freeze": "steward", "taken over/freeze": "steward", "frozen and offered/freeze": "steward",
	}
	var table strings.Builder
	for _, state := range states {
		b := newBank(t)
		for _, name := range []string{"owner", "heir", "third"} {
			b.identity(name, "B", "holder")
		}
		b.identity("stranger", "C", "holder")
		b.identity("without role", "B", "recorder")
		b.identity("steward", "B", "steward")
		b.identity("other steward", "C", "steward")
		account, heir, third := b.key("owner"), b.key("heir"), b.key("third")
		note := ledger.NoteID{TxID: "none"}
		if state != "absent" {
			expect(t, b.transact("owner", ledger.CreditOperation{Open: &ledger.OpenAccount{}}), "recorded")
			note = b.mint("n", "owner", 1)
		}
		if strings.HasSuffix(state, "offered") || state == "taken over" {
			expect(t, b.transact("owner", ledger.CreditOperation{Rotate: &ledger.RotateKey{Next: &heir}}), "recorded")
		}
		switch state {
		case "frozen":
			expect(t, b.govern("steward", ledger.CreditMotion{Recover: &ledger.RecoverAccount{Account: account}}), "recorded")
		case "frozen and offered":
			expect(t, b.govern("steward", ledger.CreditMotion{Recover: &ledger.RecoverAccount{Account: account, Next: &heir}}), "recorded")
		case "taken over":
			expect(t, b.transact("heir", ledger.CreditOperation{Open: &ledger.OpenAccount{Account: &account}}), "recorded")
		}
		for _, call := range calls {
			function := wire.FnTransact
			var batch []byte
			one := func(op ledger.CreditOperation) []byte {
				return encode(t, wire.CreditBatch{Operations: []ledger.CreditOperation{op}})
			}
			switch call {
			case "open":
				batch = one(ledger.CreditOperation{Open: &ledger.OpenAccount{}})
			case "take over":
				batch = one(ledger.CreditOperation{Open: &ledger.OpenAccount{Account: &account}})
			case "offer":
				next := heir
				if state == "taken over" {
					next = third
				}
				batch = one(ledger.CreditOperation{Rotate: &ledger.RotateKey{Next: &next}})
			case "take back":
				batch = one(ledger.CreditOperation{Rotate: &ledger.RotateKey{}})
			case "pay":
				batch = one(ledger.CreditOperation{Transfer: &ledger.Transfer{Inputs: []ledger.NoteID{note}, Outputs: []ledger.Payment{{To: account, Amount: 1}}}})
			case "freeze":
				function = wire.FnGovernCredits
				batch = encode(t, wire.MotionBatch{Motions: []ledger.CreditMotion{{Recover: &ledger.RecoverAccount{Account: account}}}})
			}
			for _, caller := range callers {
				_, response := b.c.simulate(caller, "move", function, batch)
				got, _ := ledger.ParseCode(response.GetMessage())
				if response.GetStatus() == shim.OK {
					answers, err := wire.DecodeAnswers(response.GetPayload())
					if err != nil {
						t.Fatal(err)
					}
					got = strings.TrimPrefix(statuses(answers.Answers), "refused:")
				}
				move := state + "/" + call
				if allowed := slices.Contains(callersOf(legal[move], callers), caller); (got == "recorded") != allowed || got == "" || got == ledger.CodeInternal {
					t.Errorf("%s by %s: %s", move, caller, got)
				}
				fmt.Fprintf(&table, "%-18s %-10s %-14s %s\n", state, call, caller, got)
			}
		}
	}
	golden(t, "testdata/credits/accounts.golden", table.String())
}

// callersOf reads names that may hold spaces.
func callersOf(list string, all []string) []string {
	var out []string
	for _, name := range all {
		if slices.Contains(strings.Split(list, " "), name) || list == name {
			out = append(out, name)
		}
	}
	return out
}
