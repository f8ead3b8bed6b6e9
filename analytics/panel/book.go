package panel

import (
	"container/list"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

const (
	maxForeign = 8_192
	// maxDigests bounds the segments whose digests are remembered, to name one that a task leaves out.
	maxDigests  = 1 << 16
	maxPolicies = 64
)

// window names what a verdict is on. All are of one model.
type window struct {
	shipment string
	number   uint32
}

// book is what the ledger says of the tasks under way, and what of it is this scorer's to do. It does no input or
// output, time is an argument, and it is not safe for concurrent use.
type book struct {
	cfg Config
	log *slog.Logger

	account  ledger.Digest // zero: the key is bound to none
	policies map[uint32]ledger.ScoringPolicy
	inForce  uint32
	keepers  []string // of the network's rules
	fit      fitness
	scorers  map[ledger.Digest]ledger.Scorer
	// absent are scorers whose last task closed without their commitment: others' turns come first.
	absent map[ledger.Digest]bool

	rounds  map[ledger.Digest]*round
	windows map[window]*round
	order   *list.List              // of *round, as they fell due
	ended   *list.List              // of *round, final or void, of which a silent one is left to show
	foreign *canon.Recent[*foreign] // by task id
	listed  int                     // places of all of them
	// rebuttals are the false claims against own tasks that are to be refuted, by claimID.
	rebuttals *canon.Recent[*rebuttal]
	digests   *canon.Recent[ledger.Digest] // of segments
	blends    blends
	ends      ends
	pace      pace // begins anew with each start

	// generation grows when what concerns all rounds changes; it begins at 1.
	generation uint64

	live     bool // all that was on the ledger at the start has been read
	standing string
	mute     bool // said that it refutes nothing
	stats    Stats
	alone    []ledger.Verdict // given up as tasks since the last call of Apply
}

func newBook(cfg Config, log *slog.Logger) *book {
	return &book{
		cfg: cfg, log: log, generation: 1, policies: map[uint32]ledger.ScoringPolicy{}, scorers: map[ledger.Digest]ledger.Scorer{},
		absent: map[ledger.Digest]bool{}, rounds: map[ledger.Digest]*round{}, windows: map[window]*round{}, order: list.New(), ended: list.New(),
		foreign: canon.NewRecent[*foreign](), rebuttals: canon.NewRecent[*rebuttal](), digests: canon.NewRecent[ledger.Digest](), blends: newBlends(), ends: newEnds(), pace: newPace(cfg.MaxOpening),
		stats: Stats{Settled: map[ledger.SettledBy]uint64{}, Alone: map[Reason]uint64{}},
	}
}

// governs reports whether verdicts that fall due now are to be tasks.
func (b *book) governs() bool { return b.inForce > 0 && b.active() > 0 }

// active counts the scorers that a task opening now may have on its panel.
func (b *book) active() int {
	n := 0
	for _, s := range b.scorers {
		if s.Active {
			n++
		}
	}
	return n
}

// apply takes what a valid transaction recorded and what it makes due, and gives the verdicts to be written alone.
func (b *book) apply(tx wire.Transaction, due []scorer.Due, now time.Time) []ledger.Verdict {
	var alone []ledger.Verdict
	governed := b.governs()
	for _, s := range tx.Segments {
		b.digests.Put(segmentKey(s.Segment.Device, s.Segment.Seq), s.Digest)
	}
	trim(b.digests, maxDigests)
	for _, d := range due {
		if !governed {
			alone = append(alone, d.Verdict)
			continue
		}
		if !b.cfg.Scorer.Partition.Holds(d.Verdict.Shipment) {
			continue // another process of the organisation has it
		}
		if why := b.enter(d, now); why != "" {
			b.byItself(d.Verdict, why, d.Why)
			alone = append(alone, d.Verdict)
		}
	}
	b.follow(tx, now)
	alone = append(alone, b.alone...)
	b.alone = nil
	return alone
}

func trim[V any](r *canon.Recent[V], most int) {
	for key := range r.All {
		if r.Len() <= most {
			return
		}
		r.Remove(key)
	}
}

// byItself counts a verdict that is written alone although tasks govern.
func (b *book) byItself(v ledger.Verdict, why Reason, detail string) {
	b.stats.Alone[why]++
	b.log.Warn("a verdict is written alone", "shipment", v.Shipment, "window", v.Window, "reason", string(why), "detail", detail)
}

// enter makes a verdict that is due a task, or says why it is none.
func (b *book) enter(d scorer.Due, now time.Time) Reason {
	if d.Statement == nil {
		return NoTask
	}
	if len(b.rounds) >= b.cfg.MaxOpen && b.ended.Len() > 0 {
		b.drop(b.ended.Front().Value.(*round))
	}
	if len(b.rounds) >= b.cfg.MaxOpen {
		b.makeRoom()
	}
	if len(b.rounds) >= b.cfg.MaxOpen {
		return TooMany
	}
	statement := b.form(*d.Statement, d.Verdict)
	id, err := wire.TaskDigest(*statement)
	if err != nil {
		return NoTask
	}
	digest, err := wire.VerdictDigest(d.Verdict)
	if err != nil {
		return NoTask
	}
	r := &round{
		id: id, window: window{d.Verdict.Shipment, d.Verdict.Window}, statement: statement, verdict: d.Verdict,
		answer: ledger.AnswerOf(d.Verdict, digest), due: now, since: now, live: b.live,
	}
	if old := b.windows[r.window]; old != nil {
		b.drop(old) // the ledger was read again
	}
	b.insert(r)
	b.stats.Due++
	return ""
}

// makeRoom gives up a task of what was on the ledger before this scorer began, such as all windows of the past where a model is
// new: what falls due now is not to wait behind those. It is the one whose turn to be opened would come last.
func (b *book) makeRoom() {
	if !b.live {
		return
	}
	for e := b.order.Back(); e != nil; e = e.Prev() {
		r := e.Value.(*round)
		if a := &r.attempts[doOpen]; !r.live && r.view.Phase() == ledger.TaskAbsent && !a.flying && a.after.IsZero() {
			b.byItself(r.verdict, TooMany, "of before the start; what falls due now has its place")
			b.alone = append(b.alone, r.verdict)
			b.drop(r)
			return
		}
	}
}

func (b *book) insert(r *round) {
	b.rounds[r.id] = r
	b.windows[r.window] = r
	r.place, r.list = b.order.PushBack(r), b.order
}

// drop forgets a round. What others made of its window may still be under way.
func (b *book) drop(r *round) {
	if r.statement != nil && r.view.Phase() != ledger.TaskAbsent && r.view.Settlement == nil {
		b.watch(r.id, *r.statement)
	}
	r.list.Remove(r.place)
	delete(b.rounds, r.id)
	if b.windows[r.window] == r {
		delete(b.windows, r.window)
	}
}

// end moves a round to those of which only silence is left to show, or drops it.
func (b *book) end(r *round) {
	if s := r.view.Settlement; s.Answer != nil || s.By == ledger.SettledSuperseded {
		b.overtaken(r.window) // else another task of it may yet be final
	}
	if b.finished(r) {
		b.drop(r)
		return
	}
	r.statement = nil
	r.list.Remove(r.place)
	r.place, r.list = b.ended.PushBack(r), b.ended
}

// overtaken forgets other tasks for a window that is over.
func (b *book) overtaken(w window) {
	for _, f := range b.foreign.All {
		if f.window == w {
			b.forget(f.id)
		}
	}
}

// lists are the rounds under way, and those that are over.
func (b *book) lists() [2]*list.List { return [2]*list.List{b.order, b.ended} }

// goLive begins to act: what the ledger showed until now is no news, and turns begin now.
func (b *book) goLive(now time.Time) {
	b.live = true
	for _, r := range b.rounds {
		r.since = now
		r.changed()
	}
	for _, f := range b.foreign.All {
		f.since = now
	}
	for _, n := range b.rebuttals.All {
		n.since = now
	}
	b.tellStanding()
	b.tellHurry()
}

// tellHurry warns of a policy that leaves false claims too little time to be refuted.
func (b *book) tellHurry() {
	p, ok := b.policies[b.inForce]
	if !ok || b.cfg.AnchorEvery <= AnchorAtMost(p) || b.cfg.AnchorEvery == 0 {
		return
	}
	b.log.Warn("under the scoring policy in force what is anchored so rarely refutes false claims too late, so that right tasks are void", "code", "WB_PANEL_ANCHOR_RARELY",
		"policy", p.Version, "anchor_every", b.cfg.AnchorEvery, "at_most", max(AnchorAtMost(p), 0), "challenge_for", stamp(p.ChallengeFor).Sub(stamp(0)))
}

// follow takes what a transaction did with tasks.
func (b *book) follow(tx wire.Transaction, now time.Time) {
	for _, a := range tx.Credits.Accounts {
		b.bound(a)
	}
	for _, m := range tx.Master {
		if m.Rules != nil && !m.Pending {
			b.keepers = m.Rules.Keepers
		}
	}
	b.modelled(tx.Models)
	s := tx.Scoring
	for _, p := range s.Policies {
		b.policies[p.Version], b.inForce = p, max(b.inForce, p.Version)
		if b.live {
			b.tellHurry()
		}
		delete(b.policies, b.inForce-maxPolicies)
		b.generation++
		b.reform()
	}
	for _, joined := range s.Scorers {
		for _, one := range joined.Both() {
			b.scorers[one.Account] = one
			b.generation++
			b.away(one.Account, false)
		}
	}
	for _, t := range s.Tasks {
		b.opened(t, now)
	}
	for _, c := range s.Commitments {
		b.committed(c, now)
	}
	for _, c := range s.Closings {
		b.closed(c, now)
	}
	for _, v := range s.Reveals {
		b.revealed(v, now)
	}
	for _, p := range s.Provisionals {
		b.provisional(p, now)
	}
	for _, c := range s.Claims {
		b.claimed(c, now)
	}
	for _, v := range s.Settlements {
		b.settled(v, now)
	}
	for _, f := range s.Finals {
		b.stands(f)
		b.blendFinal(f)
	}
	b.inspections(tx, now)
	for _, receipt := range tx.Credits.Receipts {
		b.paid(receipt)
	}
	b.stand()
}

// bound takes notice of the account that the own key is bound to.
func (b *book) bound(a ledger.CreditAccount) {
	switch {
	case a.Binding == b.cfg.Binding:
		b.account = a.ID
	case a.ID == b.account:
		b.account = ledger.Digest{} // another key has taken it over
	default:
		return
	}
	b.generation++
}

// stand says once what keeps this scorer from taking part.
func (b *book) stand() {
	standing := ""
	switch {
	case b.inForce == 0:
		standing = "no scoring policy is in force"
	case b.account.IsZero():
		standing = "the key is bound to no credit account"
	case !b.scorers[b.account].Active:
		standing = "the account is not a registered scorer"
	default:
		if err := b.unfit(); err != nil {
			standing = "no answer may rest on its model: " + err.Error()
		}
	}
	if standing == b.standing {
		return
	}
	b.standing = standing
	if !b.live {
		return
	}
	b.tellStanding()
}

func (b *book) tellStanding() {
	if b.standing == "" {
		b.log.Info("takes part in scoring by several organisations", "account", b.account.String(), "policy", b.inForce)
		if b.cfg.Prove == nil && !b.mute {
			b.mute = true
			b.log.Info("refutes no claims of omission: this process keeps no proof log, so that is left to other scorers")
		}
		return
	}
	b.log.Info("takes no part in scoring by several organisations", "why", b.standing)
}

func (b *book) opened(t ledger.ScoringTask, now time.Time) {
	r := b.rounds[t.ID]
	if r == nil {
		b.watch(t.ID, t.Statement)
	}
	if r == nil && t.Statement.Model == "" {
		b.strangeBlend(t)
		return
	}
	if r == nil {
		b.stranger(t)
		return
	}
	r.view.Task, r.since = t, now
	r.changed()
	r.view.Task.Statement.References = nil // they are those of the own statement
	if t.By == b.account {
		b.stats.Opened++
	}
}

func (b *book) committed(c ledger.Commitment, now time.Time) {
	r := b.rounds[c.Task]
	if r == nil {
		return
	}
	r.view.Commitments = append(r.view.Commitments, c)
	r.changed()
	b.away(c.Account, false)
	if len(r.view.Commitments) == len(r.view.Task.Panel) {
		r.since = now
	}
	if c.Account != b.account {
		return
	}
	b.stats.Committed++
	if own, err := r.commitment(b); err != nil || own != c.Commitment {
		r.foreignSecret = true
		b.log.Error("the ledger has a commitment of this account that this secret did not make; it cannot be revealed", "code", "WB_PANEL_SECRET", "task", c.Task.String())
	}
}

// away notes whether a scorer commits to what opens.
func (b *book) away(account ledger.Digest, away bool) {
	if b.absent[account] == away {
		return
	}
	b.generation++
	if away {
		b.absent[account] = true
		return
	}
	delete(b.absent, account)
}

func (b *book) closed(c ledger.Closing, now time.Time) {
	if f, ok := b.foreign.Get(c.Task.String()); ok {
		f.closed, f.since = true, now
	}
	r := b.rounds[c.Task]
	if r == nil {
		return
	}
	r.view.Closing, r.since = &c, now
	r.changed()
	for _, seat := range r.view.Task.Panel {
		if !slices.Contains(c.Committed, seat.Account) {
			b.away(seat.Account, true)
		}
	}
}

func (b *book) revealed(v ledger.Reveal, now time.Time) {
	if f, ok := b.foreign.Get(v.Task.String()); ok {
		if !f.answered {
			f.answered, f.since = true, now
		}
		if own := b.windows[f.window]; own != nil && own.answer != v.Answer {
			f.refutable = true
		}
	}
	r := b.rounds[v.Task]
	if r == nil {
		return
	}
	r.view.Reveals = append(r.view.Reveals, v)
	r.changed()
	slices.SortFunc(r.view.Reveals, func(a, b ledger.Reveal) int { return strings.Compare(string(a.Account[:]), string(b.Account[:])) })
	if r.view.Closing != nil && len(r.view.Reveals) == len(r.view.Closing.Committed) {
		r.since = now
	}
	if v.Account == b.account {
		b.stats.Revealed++
		b.paced(r, v, now)
	}
	if r.view.Settlement != nil {
		b.end(r)
	}
}

func (b *book) provisional(p ledger.Provisional, now time.Time) {
	if f, ok := b.foreign.Get(p.Task.String()); ok && p.By != 0 {
		f.ruled(b)
	}
	if p.By == ledger.SettledChallenge && p.Prover != nil && *p.Prover == b.account {
		b.stats.Won++
	}
	if r := b.rounds[p.Task]; r != nil {
		r.view.Provisional, r.since = &p, now
		r.changed()
	}
}

// proven reports whether a task ended so because of a challenge.
func proven(by ledger.SettledBy) bool {
	return by == ledger.SettledChallenge || by == ledger.SettledNoWindow || by == ledger.SettledOmission
}

func (b *book) settled(v ledger.Settlement, now time.Time) {
	b.concluded(v)
	b.forget(v.Task)
	r := b.rounds[v.Task]
	ruled := v.By == ledger.SettledChallenge && (r == nil || r.view.Provisional != nil && r.view.Provisional.By != 0) // and counted then
	if v.Prover != nil && *v.Prover == b.account && !ruled && proven(v.By) {
		b.stats.Won++
	}
	if r == nil {
		return
	}
	r.view.Settlement = &v
	r.changed()
	b.stats.Settled[v.By]++
	if r.live {
		b.cfg.Settled(v.By, now.Sub(r.due))
	}
	switch {
	case v.By == ledger.SettledBlend:
		b.beside(r)
	case v.By == ledger.SettledNobody:
		// A task opens once; what nobody stood behind is one organisation's word.
		b.byItself(r.verdict, NobodyAnswered, "")
		b.alone = append(b.alone, r.verdict)
	case v.By == ledger.SettledRevoked: // no verdict may rest on the model any more
	case v.Answer == nil && v.By != ledger.SettledSuperseded:
		b.stats.Outvoted++
		b.byItself(r.verdict, Voided, v.By.String())
		b.alone = append(b.alone, r.verdict)
	case v.Answer != nil && *v.Answer != r.answer:
		b.stats.Outvoted++
		b.log.Error("a task ended otherwise than this scorer has it", "code", "WB_PANEL_OUTVOTED", "shipment", r.window.shipment, "window", r.window.number, "task", v.Task.String(), "by", v.By.String())
	}
	b.end(r)
}

// stands takes a final verdict. That of another task of a window that is held ends the own one.
func (b *book) stands(f ledger.FinalVerdict) {
	r := b.windows[window{f.Shipment, f.Window}]
	if r == nil || f.Task == r.id || r.view.Settlement != nil || f.Model != "" && f.Model != b.model() || r.blended() != (f.Model == "") {
		return
	}
	if f.Model != "" && f.Answer != r.answer {
		b.stats.Outvoted++
		b.log.Error("the final verdict on a window is of another task than this scorer's", "code", "WB_PANEL_OUTVOTED", "shipment", f.Shipment, "window", f.Window, "task", f.Task.String())
	}
	b.overtaken(r.window)
	b.drop(r)
}

func (b *book) model() string { return b.cfg.Scorer.Model.Name() }

// paid takes a receipt: which fault cost whom what.
func (b *book) paid(receipt ledger.Receipt) {
	fault, task, ok := strings.Cut(receipt.Cause, "/")
	if !ok || receipt.Stake == nil {
		return
	}
	id, err := ledger.ParseDigest(task)
	if err != nil {
		return
	}
	switch fault {
	case "challenge":
		if receipt.Stake.Account == b.account {
			b.stats.Lost++
			b.stats.Won-- // the ruling was counted
		}
	case "silent":
		b.stats.Silenced++
		if r := b.rounds[id]; r != nil {
			r.punished = append(r.punished, receipt.Stake.Account)
			r.changed()
			if r.view.Settlement != nil {
				b.end(r)
			}
		}
	default:
	}
}

func (b *book) snapshot() Stats {
	out := b.stats
	out.Settled, out.Alone = maps.Clone(b.stats.Settled), maps.Clone(b.stats.Alone)
	out.Standing, out.Policy, out.Scorers = b.standing, b.inForce, b.active()
	out.Open, out.Foreign, out.Contested, out.Refutes = b.order.Len(), b.foreign.Len(), b.rebuttals.Len(), b.cfg.Prove != nil
	if err := b.unfit(); err != nil {
		out.Unfit = err.Error()
	}
	return out
}
