package protocolsim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// NewReusedWorld makes a channel as NewWorldTold does, on which each container is on its second journey. Of every three, the first
// journey ended with its receipt, or with a logger that was read out afterwards; in the third that last window is to be judged. The
// scorers, all honest so far, have made the other verdicts of the first journeys final, and two keepers anchored that.
func NewReusedWorld(policy ledger.ScoringPolicy, members []Member, shipments int, told func(wire.Transaction)) (*World, error) {
	w, err := newWorld(policy, members, told, func(w *World) error {
		return w.each(shipments, func(i int) error { return w.reuse(i, members) })
	})
	if err == nil {
		err = w.Anchor(Keepers()[:2]...)
	}
	return w, err
}

// trip is a container's way through two journeys, as it is recorded.
type trip struct {
	pallet, shipment string
	loggers          [2]*logger

	bound, shipped, within, received []ledger.Digest // of the first journey
	first, late                      ledger.Reference
	amid, delayed                    ledger.Digest
	opened, inspected, rebound, held ledger.Digest // of the second
	again                            ledger.Digest
	segments                         [2]ledger.Reference
}

func event(d ledger.Digest) ledger.Reference {
	return ledger.Reference{Kind: ledger.RefEvent, Digest: d}
}

// refrigerated is the reference to the policy of all shipments.
func refrigerated() ledger.Reference {
	return ledger.Reference{Kind: ledger.RefPolicy, ID: "refrigerated", First: 1}
}

// span joins segments of a logger that follow one another in a list.
func span(all ...ledger.Reference) ledger.Reference {
	s := all[0]
	s.Last, s.Digest = all[len(all)-1].Last, all[len(all)-1].Digest
	return s
}

func list(all ...ledger.Reference) []ledger.Reference {
	return append([]ledger.Reference{refrigerated()}, all...)
}

// reuse records a container's two journeys, and has the scorers judge the first.
func (w *World) reuse(i int, members []Member) error {
	t, err := w.travel(i)
	if err != nil {
		return err
	}
	state := func(begins, window uint32, references []ledger.Reference) ledger.TaskStatement {
		return ledger.TaskStatement{Shipment: t.shipment, Begins: begins, Window: window, Model: w.Model.Name(), References: references}
	}
	shipped, received := list(event(t.bound[0]), event(t.shipped[0]), t.first), list(event(t.bound[0]), event(t.shipped[0]), t.first, event(t.received[0]))
	past := []ledger.TaskStatement{state(0, 0, shipped), state(0, 1, received)}
	begins := uint32(2)
	if t.late.Kind != 0 {
		past, begins = append(past, state(0, 2, append(slices.Clone(received), t.late))), 3
	}
	for k, s := range past {
		task := Task{Statement: s}
		if err = w.rule(&task); err != nil {
			return fmt.Errorf("window %d: %w", s.Window, err)
		}
		if i%3 == 2 && k == 2 || len(members) == 0 {
			if k == 2 {
				task.Decoys, task.schemes = t.lateDecoys(), earlySchemes(t, state)
			}
			w.Tasks = append(w.Tasks, task)
			continue
		}
		if err = w.agree(task, members); err != nil {
			return err
		}
	}
	if i%3 == 2 && len(members) > 0 {
		return w.schemed()
	}
	for k := range t.segments {
		segments := span(t.segments[:k+1]...)
		task := Task{
			Statement: state(begins, begins+1+uint32(k), list(event(t.opened), event(t.inspected), event(t.rebound), segments)),
			Decoys:    t.decoys(),
		}
		if err = w.rule(&task); err != nil {
			return fmt.Errorf("window %d: %w", task.Statement.Window, err)
		}
		task.schemes = laterSchemes(t, task.Statement, k, state)
		w.Tasks = append(w.Tasks, task)
	}
	return w.schemed()
}

// schemed has the engine rule on the schemes of tasks that have not been ruled on.
func (w *World) schemed() error {
	for k := range w.Tasks {
		for n := range w.Tasks[k].schemes {
			p := &w.Tasks[k].schemes[n]
			if err := w.fit(&p.task); err != nil {
				if p.code == "" || !errors.Is(err, ErrRefused) {
					return fmt.Errorf("%s: %w", p.move, err)
				}
				p.task.Statement.Inputs = ledger.Digest{1} // it is not to be opened
			}
		}
	}
	return nil
}

// fit has the engine rule on a list that liars made, as that window which it closes.
func (w *World) fit(task *Task) (err error) {
	if err = w.rule(task); err == nil {
		return nil
	}
	const most = 6
	for n := range uint32(most) {
		task.Statement.Window = task.Statement.Begins + n
		if w.rule(task) == nil {
			return nil
		}
	}
	return err
}

// agree has all scorers judge a task honestly.
func (w *World) agree(task Task, members []Member) error {
	players := make([]Player, len(members))
	for i, m := range members {
		players[i] = Player{Name: m.Name, Strategy: Honest}
	}
	out, err := w.Play(task, players, 0, rand.New(rand.NewPCG(1, uint64(len(w.history.leaves))))) //nolint:gosec // a simulation, not a secret
	if err == nil && (out.Final == nil || out.Wrong) {
		err = fmt.Errorf("%w: honest scorers do not agree on window %d", ErrRefused, task.Statement.Window)
	}
	return err
}

// travel records the journeys of the i-th container.
func (w *World) travel(i int) (*trip, error) {
	t := &trip{pallet: fmt.Sprintf("urn:epc:id:sscc:9520001.3%09d", i)}
	var names [2]string
	var err error
	for k := range names {
		names[k] = fmt.Sprintf("urn:epc:id:giai:9520002.L%d-%d", i, k)
		var device string
		if t.shipment, device, err = canonical(t.pallet, names[k]); err != nil {
			return nil, err
		}
		if t.loggers[k], err = w.logger(i, device); err != nil {
			return nil, err
		}
	}
	second := t.loggers[1]
	if i%2 == 0 { // the same logger goes on both journeys
		second, names[1] = t.loggers[0], names[0]
	}
	bind := func(logger string) map[string]any {
		return map[string]any{"type": "AssociationEvent", "action": "ADD", "parentID": t.pallet, "childEPCs": []string{logger}}
	}
	observe := func(step string) map[string]any {
		return map[string]any{"type": "ObjectEvent", "action": "OBSERVE", "epcList": []string{t.pallet}, "bizStep": step}
	}
	record := func(to *ledger.Digest, minute int, fields map[string]any) func() error {
		return func() error {
			all, failed := w.events("rootA", minute, fields)
			if failed == nil {
				*to = all[0]
			}
			return failed
		}
	}
	one := func(to *[]ledger.Digest, minute int, fields map[string]any) func() error {
		*to = make([]ledger.Digest, 1)
		return record(&(*to)[0], minute, fields)
	}
	measure := func(to *ledger.Reference, l *logger, from, n int) func() error {
		return func() (err error) {
			*to, err = w.measure(l, from, n)
			return err
		}
	}
	var waiting *statetest.Stub
	steps := []func() error{
		one(&t.bound, 0, bind(names[0])), one(&t.shipped, 1, observe("shipping")), one(&t.within, 2, bind(names[0])),
		measure(&t.first, t.loggers[0], 3, readings), one(&t.received, 30, observe("receiving")),
	}
	if i%3 > 0 {
		steps = append(steps, measure(&t.late, t.loggers[0], 23, 6))
	}
	steps = append(steps,
		record(&t.amid, 35, observe("storing")), record(&t.opened, 40, observe("shipping")), record(&t.inspected, 41, observe("inspecting")),
		record(&t.rebound, 42, bind(names[1])), record(&t.again, 43, bind(names[1])),
		func() (err error) {
			waiting, t.held, err = w.holdBack("rootB", 39, observe("shipping"))
			return err
		},
		measure(&t.segments[0], second, 44, readings), measure(&t.segments[1], second, 44+readings, readings),
		func() error {
			codes, failed := w.Commit(waiting)
			if failed == nil && codes[0] != peer.TxValidationCode_VALID {
				failed = fmt.Errorf("%w: what is held back: %s", ErrRefused, codes[0])
			}
			return failed
		},
		record(&t.delayed, 25, observe("storing")),
	)
	for _, step := range steps {
		if err = step(); err != nil {
			return nil, err
		}
		w.Advance(minute / 6)
	}
	return t, nil
}

// decoys are what can be claimed falsely of a right list of the second journey.
func (t *trip) decoys() []Decoy {
	return []Decoy{
		{Kind: DecoyFormer, Event: event(t.shipped[0]), At: 1, Since: true, Code: ledger.CodeCommitment},
		{Kind: DecoyFormer, Event: event(t.shipped[0]), At: 1, Code: ledger.CodeSchema},
		{Kind: DecoyFormer, Event: event(t.within[0]), At: 1, Since: true, Code: ledger.CodeCommitment}, // the verdict does not rest on it
		{Kind: DecoyFormer, Event: t.first, At: 1, Code: ledger.CodeCommitment},
		{Kind: DecoyAmid, Event: event(t.amid), At: 1, Since: true, Code: ledger.CodeCommitment},
		{Kind: DecoyAmid, Event: event(t.amid), At: 1, Since: true, Late: true, Code: ledger.CodeCommitment},
		{Kind: DecoyHeld, Event: event(t.held), At: 1, Since: true},
		{Kind: DecoyHeld, Event: event(t.held), At: 2},
		{Kind: DecoyWithin, Event: event(t.again), At: 1, Since: true},
		{Kind: DecoyWithin, Event: event(t.again), At: 2},
		{Kind: DecoyLate, Event: event(t.delayed), At: 1, Since: true, Late: true},
	}
}

// lateDecoys are what can be claimed falsely of the last list of the first journey.
func (t *trip) lateDecoys() []Decoy {
	return []Decoy{
		{Kind: DecoyLate, Event: event(t.delayed), At: 4},
		{Kind: DecoyLate, Event: event(t.delayed), At: 1, Since: true, Code: ledger.CodeSchema}, // there was no journey before
		{Kind: DecoyHeld, Event: event(t.held), At: 3},
		{Kind: DecoyWithin, Event: event(t.again), At: 1},
	}
}

// laterSchemes are lists that are no window of the second journey.
func laterSchemes(t *trip, right ledger.TaskStatement, k int, state func(begins, window uint32, references []ledger.Reference) ledger.TaskStatement) []scheme {
	b, window, segments := right.Begins, right.Window, right.References[4]
	bind := []ledger.Reference{event(t.rebound), segments}
	made := func(move Move, s ledger.TaskStatement) scheme {
		return scheme{move: move, task: Task{Statement: s}, voids: ledger.SettledOmission}
	}
	opening := made(LeaveOutOpening, state(b, window, list(append([]ledger.Reference{event(t.inspected)}, bind...)...)))
	opening.claim(event(t.opened), 1)
	opening.since = true
	both := made(LeaveOutBoth, state(b, window, list(bind...)))
	both.claim(event(t.opened), 1)
	both.since = true
	early := made(LeaveOutEarly, state(b, window, list(append([]ledger.Reference{event(t.opened)}, bind...)...)))
	early.claim(event(t.inspected), 2)
	out := []scheme{opening, both, early}
	if k > 0 {
		first := made(LeaveOutSegment, state(b, window-1, list(event(t.opened), event(t.inspected), event(t.rebound), t.segments[1])))
		first.claim(t.segments[0], 4)
		out = append(out, first)
	}
	for _, former := range [][]ledger.Reference{{event(t.shipped[0])}, {event(t.within[0])}, {event(t.bound[0]), event(t.shipped[0])}} {
		put := made(PutFormer, state(b, window, list(append(former, right.References[1:]...)...)))
		put.voids, put.former = ledger.SettledNoWindow, true
		out = append(out, put)
	}
	if t.late.Kind != 0 {
		// What is window b of this journey would be window b-1, had the logger not been read out: a later one is said to be it.
		skip := made(SkipWindow, state(b-1, window-1, list(right.References[1:]...)))
		skip.claim(t.late, 1)
		skip.since, skip.late = true, true
		out = append(out, skip)
	}
	refused := func(move Move, code string, begins, window uint32, references []ledger.Reference) {
		out = append(out, scheme{move: move, task: Task{Statement: state(begins, window, references)}, code: code})
	}
	refused(BeginWithin, ledger.CodeTaskState, 1, window, right.References)
	refused(BeginUnjudged, ledger.CodeNotFound, window+1, window+1, right.References)
	refused(Twice, ledger.CodeSchema, b, window, list(append([]ledger.Reference{event(t.opened), event(t.opened)}, right.References[2:]...)...))
	return out
}

// earlySchemes have the second journey begin with the window that the first had last.
func earlySchemes(t *trip, state func(begins, window uint32, references []ledger.Reference) ledger.TaskStatement) []scheme {
	early := scheme{
		move: BeginEarly, voids: ledger.SettledOmission,
		task: Task{Statement: state(2, 2, list(event(t.opened), event(t.inspected), event(t.rebound)))},
	}
	early.claim(t.late, 1)
	early.since, early.late = true, true
	return []scheme{early}
}

// end gives the key of the last fact that the last final verdict of the journey before rests on.
func (w *World) end(s ledger.TaskStatement) (string, error) {
	r := w.repository()
	final, err := r.FinalVerdict(s.Shipment, s.Begins-1, s.Model)
	if err != nil {
		return "", err
	}
	if s.Begins == 0 || final == nil {
		return "", fmt.Errorf("%w: no journey before window %d", ErrRefused, s.Begins)
	}
	former, err := r.Statement(final.Task)
	if err != nil {
		return "", err
	}
	at, err := w.locate(*former)
	if err != nil || len(at) == 0 {
		return "", fmt.Errorf("%w: the journey before rests on nothing: %w", ErrRefused, err)
	}
	return at[len(at)-1].key, nil
}

// sinceFormer proves that something came after the journey before.
func (w *World) sinceFormer(s ledger.TaskStatement, omitted ledger.Reference) ([]byte, error) {
	end, err := w.end(s)
	if err != nil {
		return nil, err
	}
	keys, err := keysOf(omitted)
	if err != nil {
		return nil, err
	}
	return w.Prove(end, keys[0])
}

// Former shows that a list of a later journey has an event from before the end of the one before; nil if it has none.
func (w *World) Former(s ledger.TaskStatement) (*ledger.Misplaced, error) {
	end, err := w.end(s)
	if err != nil {
		return nil, err
	}
	at, err := w.locate(s)
	if err != nil {
		return nil, err
	}
	for _, l := range at {
		if r := s.References[l.reference]; r.Kind != ledger.RefEvent || len(r.Containers) > 0 || l.position >= w.history.position(end) {
			continue
		}
		file, err := w.Prove(l.key, end)
		return &ledger.Misplaced{First: uint32(l.reference), Former: true, Proof: file}, err //nolint:gosec // of a few
	}
	return nil, nil
}
