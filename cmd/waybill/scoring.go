package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// newScoringCommand groups what concerns scoring by several organisations: its reads are here.
func (a *app) newScoringCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "scoring", Short: "Score with other organisations, and show how they score",
		Long: `Show how several organisations reach final verdicts: tasks with who committed and revealed what, scorers with stakes, rewards, slashes and
reputation, what stands for a window, and the policy that all of it goes by; vote for such a policy, join the scorers and leave them, and settle answers of
different models by an inspection. A task is named by 64 hexadecimal digits, as an account is.`,
		Example: "  waybill scoring scorers\n  waybill scoring tasks --phase provisional",
		Args:    cobra.NoArgs, RunE: groupOnly,
	}
	cmd.AddCommand(a.scoringReads()...)
	cmd.AddCommand(a.scoringSteps()...)
	return cmd
}

func (a *app) scoringReads() []*cobra.Command {
	return []*cobra.Command{
		a.newScoringTasksCommand(), a.newScoringTaskCommand(), a.newScoringScorersCommand(), a.newScoringScorerCommand(), a.newScoringLedgerCommand(),
		a.newScoringFinalCommand(), a.newScoringPolicyCommand(),
	}
}

func (a *app) askScoring(cmd *cobra.Command, question func(context.Context, waybillv1.ScoringServiceClient) error) error {
	return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		return question(ctx, waybillv1.NewScoringServiceClient(conn))
	})
}

func decimal[N uint32 | uint64](n N) string { return strconv.FormatUint(uint64(n), 10) }

// named finds an enumeration's value by its word.
func named[E ~int32](flag, text string, names map[int32]string, word func(E) string) (E, error) {
	var known []string
	for _, n := range slices.Sorted(maps.Keys(names)) {
		if n == 0 {
			continue
		}
		if word(E(n)) == text {
			return E(n), nil
		}
		known = append(known, word(E(n)))
	}
	return 0, usage("%s: %q is not one of %s", flag, text, strings.Join(known, ", "))
}

func parsePhase(text string) (waybillv1.TaskPhase, error) {
	if text == "" {
		return 0, nil
	}
	return named("--phase", text, waybillv1.TaskPhase_name, func(p waybillv1.TaskPhase) string { return wordOf(p) })
}

// windowOf reads a window.
func windowOf(text string) (*uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return nil, usage("%q is not a window, which are numbered from 0", text)
	}
	w := uint32(n)
	return &w, nil
}

func (a *app) newScoringTasksCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "tasks", Short: "List tasks in the order in which they opened",
		Long: `List tasks in the order in which they opened. An open one is overdue when its time for commitments is over: it goes on as soon as
those who have committed hold more than half of the panel's stake, and not before. Where scorers with half of it do not run, start them, or have
them leave (waybill scoring leave): tasks that open then are without them. waybill scoring task says who is waited for.`,
		Example: "  waybill scoring tasks --newest --limit 10\n  waybill scoring tasks --shipment urn:epc:id:sscc:9521321.0000000012 --json",
		Args:    cobra.NoArgs,
	}
	f := &waybillv1.TaskFilter{}
	cmd.Flags().StringVar(&f.Shipment, "shipment", "", "only of this shipment, in any spelling of its EPC")
	window := cmd.Flags().String("window", "", "only of this window")
	phase := cmd.Flags().String("phase", "", "only open, closed, provisional, final or void ones")
	cmd.Flags().StringVar(&f.Scorer, "scorer", "", "only with this account on the panel")
	cmd.Flags().BoolVar(&f.Claimed, "claimed", false, "only with a claim that something is left out, which nobody has refuted")
	newest := cmd.Flags().Bool("newest", false, "the latest on the ledger first")
	var l lister
	l.flags(cmd, "tasks")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if f.Phase, err = parsePhase(*phase); err != nil {
			return err
		}
		if *window != "" {
			if f.Window, err = windowOf(*window); err != nil {
				return err
			}
		}
		return a.askScoring(cmd, func(ctx context.Context, api waybillv1.ScoringServiceClient) error {
			t := a.newTable(cmd, "TASK", "PHASE", "SHIPMENT", "WINDOW", "COMMITTED", "REVEALED", "CLAIMS", "LEVEL", "SCORE", "ENDED BY", "OPENED")
			return listed(a, cmd, l.limit, t, func(size uint32, token string) (*waybillv1.ListTasksResponse, int, error) {
				r, err := api.ListTasks(ctx, &waybillv1.ListTasksRequest{Filter: f, PageSize: size, PageToken: token, NewestFirst: *newest})
				if err != nil {
					return nil, 0, err
				}
				return r, len(r.GetTasks()), show(a, cmd.OutOrStdout(), t, r.GetTasks(), func(k *waybillv1.ScoringTask) []string {
					of := fmt.Sprintf(" of %d", len(k.GetPanel()))
					return []string{
						k.GetId(), phaseText(k, time.Now()), k.GetShipment(), decimal(k.GetWindow()), decimal(k.GetCommitted()) + of, decimal(k.GetRevealed()) + of, claimsText(k),
						level1(k.GetAnswer().GetLevel()), ifTrue(k.GetAnswer() != nil, millionths(k.GetAnswer().GetScoreMillionths())), k.GetSettledBy(), stamp(k.GetOpenedAt()),
					}
				})
			})
		})
	}
	return cmd
}

// phaseText says where a task is. One that takes commitments after its time closes as soon as those who commit hold more than half
// of the panel's stake: nothing else ends it.
func phaseText(k *waybillv1.ScoringTask, now time.Time) string {
	phase := wordOf(k.GetPhase())
	if k.GetPhase() == waybillv1.TaskPhase_TASK_PHASE_OPEN && now.After(k.GetCommitBy().AsTime()) {
		phase += ", overdue"
	}
	return phase
}

// awaited says whose commitments a task that takes some waits for; else nothing.
func awaited(r *waybillv1.GetTaskResponse) string {
	k := r.GetTask()
	if k.GetPhase() != waybillv1.TaskPhase_TASK_PHASE_OPEN {
		return ""
	}
	var committed uint64
	var absent []string
	for _, seat := range k.GetPanel() {
		if slices.ContainsFunc(r.GetCommitments(), func(c *waybillv1.TaskCommitment) bool { return c.GetAccount() == seat.GetAccount() }) {
			committed += seat.GetWeight()
		} else {
			absent = append(absent, seat.GetMspId())
		}
	}
	slices.Sort(absent)
	absent = slices.Compact(absent) // an organisation may have several scorers
	if committed > k.GetWeight()-committed {
		return "commitments of all until its time is over, without: " + strings.Join(absent, ", ")
	}
	return fmt.Sprintf("commitments of more than half of the panel's stake: %d of %d credits have; %s have not: do their scorers run?", committed, k.GetWeight(), strings.Join(absent, ", "))
}

// claimsText says how many claims were made of a task.
func claimsText(k *waybillv1.ScoringTask) string {
	switch {
	case k.GetClaims() == 0:
		return ""
	case k.GetOpenClaims() == 0:
		return decimal(k.GetClaims()) + " refuted"
	default:
		return fmt.Sprintf("%d, %d not refuted", k.GetClaims(), k.GetOpenClaims())
	}
}

func (a *app) newScoringTaskCommand() *cobra.Command {
	return &cobra.Command{
		Use: "task TASK", Short: "Show a task: what is judged, who answered what, how it ended, and what that paid and cost",
		Long: `Show a task: what is judged, in ledger order; who answered what; who claims that something recorded is left out, and before which of what
is judged it belongs; how the task ended, and what all that paid and cost. A claim that nobody refutes with the proof log in time voids the
task; one that is refuted costs the claimant, also after the task has ended.`,
		Example: "  waybill scoring task 5f2b…c1\n  waybill scoring task --json 5f2b…c1 | jq .references", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.askScoring(cmd, func(ctx context.Context, api waybillv1.ScoringServiceClient) error {
				r, err := api.GetTask(ctx, &waybillv1.GetTaskRequest{Id: args[0]})
				if err != nil {
					return err
				}
				if a.json {
					return writeView(cmd.OutOrStdout(), r)
				}
				return a.printTask(cmd, r)
			})
		},
	}
}

// answerText says what an answer is in one line.
func answerText(a *waybillv1.TaskAnswer) string {
	if a == nil {
		return ""
	}
	return fmt.Sprintf("%s, score %s", level1(a.GetLevel()), millionths(a.GetScoreMillionths()))
}

// blendText says what answers of different models came to.
func blendText(b *waybillv1.TaskBlend) string {
	if b == nil {
		return ""
	}
	return fmt.Sprintf("median of %d from %s to %s", b.GetCount(), millionths(b.GetLowMillionths()), millionths(b.GetHighMillionths()))
}

func referenceText(r *waybillv1.TaskReference) string {
	switch r.GetKind() {
	case "policy":
		return fmt.Sprintf("%s/%d", r.GetId(), r.GetFirst())
	case "segments":
		return fmt.Sprintf("%s, %d to %d", r.GetId(), r.GetFirst(), r.GetLast())
	case "finding", "closed":
		return fmt.Sprintf("%s on event %s, item %s", r.GetCode(), r.GetDigest(), r.GetItem())
	default:
		return r.GetDigest()
	}
}

func (a *app) printTask(cmd *cobra.Command, r *waybillv1.GetTaskResponse) error {
	w, k := cmd.OutOrStdout(), r.GetTask()
	ended := ""
	if s := r.GetSettlement(); s != nil {
		ended = cmp.Or(answerText(s.GetAnswer()), "void") + " by " + s.GetBy() + ifTrue(s.GetDrawn(), ", drawn") + ifTrue(s.GetProver() != "", ", re-executed on the call of "+s.GetProver()) +
			", " + stamp(s.GetAt()) + " in " + s.GetTransactionId()
	}
	provisional := ""
	if p := r.GetProvisional(); p != nil {
		provisional = fmt.Sprintf("%s by %d of %d credits revealed%s, %s", answerText(p.GetAnswer()), p.GetWeight(), p.GetRevealed(), ifTrue(p.GetBy() != "", ", re-executed: "+p.GetBy()), stamp(p.GetAt()))
	}
	closed := ""
	if c := r.GetClosing(); c != nil {
		closed = stamp(c.GetAt()) + ", reveals until " + stamp(c.GetRevealBy())
	}
	inspected := ""
	if i := r.GetInspection(); i != nil {
		inspected = ifTrue(i.GetSpoiled(), "spoiled") + ifTrue(!i.GetSpoiled(), "sound") + " by event " + i.GetEventHash() + " of " + i.GetMspId()
	}
	if err := facts(w, "task", k.GetId(), "phase", phaseText(k, time.Now()), "waits for", awaited(r), "shipment", k.GetShipment(), "window", decimal(k.GetWindow()), "model", cmp.Or(k.GetModel(), "each scorer's own"),
		"judged", fmt.Sprintf("%d things recorded, %d times of readings", k.GetReferenceCount(), k.GetReadings()), "inputs", k.GetInputsDigest(),
		"policy", decimal(k.GetPolicy()), "opened", stamp(k.GetOpenedAt())+" by "+k.GetOpenedBy()+" in "+k.GetTransactionId(), "commits until", stamp(k.GetCommitBy()), "closed", closed,
		"provisional", provisional, "ended", ended, "blend", blendText(r.GetSettlement().GetBlend()), "inspection", inspected); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t := a.newTable(cmd, "SCORER", "ORGANISATION", "STAKE", "COMMITTED", "REVEALED", "LEVEL", "SCORE", "OUTCOME", "PAID", "COST")
	for _, seat := range k.GetPanel() {
		t.row(a.seatRow(r, seat)...)
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if len(r.GetClaims()) > 0 {
		t = a.newTable(cmd, "CLAIMED BY", "LEFT OUT", "BELONGS BEFORE", "CLAIM", "SHOWN BY", "COST")
		for _, c := range r.GetClaims() {
			t.row(claimRow(r, c)...)
		}
		if err := t.flush(); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	t = a.newTable(cmd, "NO", "KIND", "JUDGED")
	for i, ref := range r.GetReferences() {
		t.row(strconv.Itoa(i), ref.GetKind(), referenceText(ref))
	}
	return t.flush()
}

// claimRow says who claims that what is left out, what became of that, and what it cost.
func claimRow(r *waybillv1.GetTaskResponse, c *waybillv1.TaskClaim) []string {
	place := func(reference uint32, segment uint64) string {
		return decimal(reference) + ifTrue(segment > 0, fmt.Sprintf(", segment %d", segment))
	}
	state, by := "may be refuted until "+stamp(c.GetRefuteBy()), ""
	s := r.GetSettlement()
	switch f := c.GetRefutation(); {
	case f != nil:
		state = "refuted " + stamp(f.GetAt()) + " in " + f.GetTransactionId()
		by = fmt.Sprintf("%s with no %s, under the root at height %d", f.GetAccount(), place(f.GetReference(), f.GetSegment()), f.GetHeight())
	case s.GetBy() == ledger.SettledOmission.String() && s.GetProver() == c.GetAccount():
		state = "voided the task"
	case s != nil:
		state = "not refuted"
	}
	var cost uint64
	for _, e := range r.GetEntries() {
		if e.GetKind() == waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_SLASHED && e.GetAccount() == c.GetAccount() && e.GetCause() == "claim" {
			cost += e.GetAmount()
		}
	}
	return []string{c.GetAccount(), c.GetOmitted().GetKind() + " " + referenceText(c.GetOmitted()), place(c.GetBefore(), c.GetSegment()), state, by, ifTrue(cost > 0, decimal(cost))}
}

// seatRow says what a scorer did in a task and what that paid and cost.
func (a *app) seatRow(r *waybillv1.GetTaskResponse, seat *waybillv1.Seat) []string {
	row := []string{seat.GetAccount(), seat.GetMspId(), decimal(seat.GetWeight()), "", "", "", "", "", "", ""}
	for _, c := range r.GetCommitments() {
		if c.GetAccount() == seat.GetAccount() {
			row[3] = stamp(c.GetAt())
		}
	}
	for _, v := range r.GetReveals() {
		if v.GetAccount() == seat.GetAccount() {
			row[4], row[5], row[6] = stamp(v.GetAt()), level1(v.GetAnswer().GetLevel()), millionths(v.GetAnswer().GetScoreMillionths())
		}
	}
	var paid, cost uint64
	for _, e := range r.GetEntries() {
		if e.GetAccount() != seat.GetAccount() {
			continue
		}
		switch e.GetKind() {
		case waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_REWARDED, waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_FOUND:
			paid += e.GetAmount()
		case waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_SLASHED:
			cost += e.GetAmount()
		case waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_RIGHT, waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_WRONG, waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_OTHER,
			waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_SILENT:
			row[7] = wordOf(e.GetKind())
		default:
		}
	}
	if paid > 0 {
		row[8] = decimal(paid)
	}
	if cost > 0 {
		row[9] = decimal(cost)
	}
	return row
}

func (a *app) newScoringScorersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "scorers", Short: "List scorers with stakes, rewards, slashes and reputation",
		Example: "  waybill scoring scorers\n  waybill scoring scorers --msp AssessorMSP --json", Args: cobra.NoArgs,
	}
	msp := cmd.Flags().String("msp", "", "only scorers of this organisation (MSP ID)")
	var l lister
	l.flags(cmd, "scorers")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.askScoring(cmd, func(ctx context.Context, api waybillv1.ScoringServiceClient) error {
			t := a.newTable(cmd, "ACCOUNT", "ORGANISATION", "ACTIVE", "STAKE", "REWARDED", "FOUND", "SLASHED", "TASKS", "RIGHT", "WRONG", "OTHER", "SILENT", "REPUTATION")
			return listed(a, cmd, l.limit, t, func(size uint32, token string) (*waybillv1.ListScorersResponse, int, error) {
				r, err := api.ListScorers(ctx, &waybillv1.ListScorersRequest{MspId: *msp, PageSize: size, PageToken: token})
				if err != nil {
					return nil, 0, err
				}
				return r, len(r.GetScorers()), show(a, cmd.OutOrStdout(), t, r.GetScorers(), func(s *waybillv1.Scorer) []string {
					p := s.GetReputation()
					return []string{
						s.GetAccount(), s.GetMspId(), cmp.Or(ifTrue(s.GetActive(), "yes"), "no"), decimal(s.GetStake().GetBonded()), decimal(s.GetRewarded()), decimal(s.GetFound()),
						decimal(s.GetSlashed()), decimal(s.GetTasks()), decimal(p.GetRight()), decimal(p.GetWrong()), decimal(p.GetOther()), decimal(p.GetSilent()), reputationText(p),
					}
				})
			})
		})
	}
	return cmd
}

func reputationText(p *waybillv1.Reputation) string {
	return millionths(int64(p.GetScoreMillionths())) //nolint:gosec // at most a million
}

func (a *app) newScoringScorerCommand() *cobra.Command {
	return &cobra.Command{
		Use: "scorer [ACCOUNT]", Short: "Show a scorer: this organisation's, or another's", Example: "  waybill scoring scorer --org carrier\n  waybill scoring scorer 5f2b…c1 --json",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.askScoring(cmd, func(ctx context.Context, api waybillv1.ScoringServiceClient) error {
				r, err := api.GetScorer(ctx, &waybillv1.GetScorerRequest{Account: strings.Join(args, "")})
				if err != nil {
					return err
				}
				if a.json {
					return writeView(cmd.OutOrStdout(), r)
				}
				return a.printScorer(cmd, r)
			})
		},
	}
}

func (a *app) printScorer(cmd *cobra.Command, r *waybillv1.GetScorerResponse) error {
	w, s := cmd.OutOrStdout(), r.GetScorer()
	var leaving uint64
	for _, u := range s.GetStake().GetUnbonding() {
		leaving += u.GetAmount()
	}
	p := s.GetReputation()
	if err := facts(w, "scorer", s.GetAccount(), "organisation", s.GetMspId(), "active", cmp.Or(ifTrue(s.GetActive(), "yes"), "no")+", since "+stamp(s.GetSince()),
		"stake", decimal(s.GetStake().GetBonded()), "unbonding", ifTrue(leaving > 0, decimal(leaving)), "rewarded", decimal(s.GetRewarded()), "found", decimal(s.GetFound()), "slashed", decimal(s.GetSlashed()),
		"tasks", fmt.Sprintf("%d: %d right, %d wrong, %d other, %d silent", s.GetTasks(), p.GetRight(), p.GetWrong(), p.GetOther(), p.GetSilent()),
		"inspections", ifTrue(p.GetInspections() > 0, fmt.Sprintf("%d, off by %s in all", p.GetInspections(), millionths(int64(p.GetBrierMillionths())))), //nolint:gosec // a sum of millionths
		"reputation", reputationText(p)); err != nil {
		return err
	}
	if len(r.GetSlashes()) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := a.newTable(cmd, "SLASHED", "FAULT", "TASK", "AT", "BLOCK", "TRANSACTION")
	for _, e := range r.GetSlashes() {
		t.row(decimal(e.GetAmount()), e.GetCause(), e.GetTask(), stamp(e.GetAt()), decimal(e.GetBlock()), e.GetTransactionId())
	}
	return t.flush()
}

func (a *app) newScoringLedgerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "ledger [ACCOUNT]", Short: "List what changed stakes, what was earned and lost, and what reputations sum up",
		Long: `List the ledgers of stakes, rewards and reputation, of an account or of all, in ledger order: credits bonded, unbonded, released, slashed,
rewarded and found (for proving another's fault), answers that were right, wrong or other, commitments left silent, and inspections.`,
		Example: "  waybill scoring ledger --newest --limit 20\n  waybill scoring ledger 5f2b…c1 --kind slashed,wrong\n  waybill scoring ledger --task 8d10…07 --json",
		Args:    cobra.MaximumNArgs(1),
	}
	kinds := cmd.Flags().StringSlice("kind", nil, "only these: bonded, unbonded, released, slashed, rewarded, found, right, wrong, other, silent, inspected")
	task := cmd.Flags().String("task", "", "only of this task")
	newest := cmd.Flags().Bool("newest", false, "the latest on the ledger first")
	var l lister
	l.flags(cmd, "entries")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var wanted []waybillv1.ScoringEntryKind
		for _, text := range *kinds {
			k, err := named("--kind", text, waybillv1.ScoringEntryKind_name, func(k waybillv1.ScoringEntryKind) string { return wordOf(k) })
			if err != nil {
				return err
			}
			wanted = append(wanted, k)
		}
		return a.askScoring(cmd, func(ctx context.Context, api waybillv1.ScoringServiceClient) error {
			t := a.newTable(cmd, "AT", "KIND", "ORGANISATION", "ACCOUNT", "AMOUNT", "CAUSE", "TASK", "BLOCK", "TRANSACTION")
			return listed(a, cmd, l.limit, t, func(size uint32, token string) (*waybillv1.ListScoringEntriesResponse, int, error) {
				r, err := api.ListScoringEntries(ctx, &waybillv1.ListScoringEntriesRequest{
					Account: strings.Join(args, ""), Kinds: wanted, Task: *task, PageSize: size, PageToken: token, NewestFirst: *newest,
				})
				if err != nil {
					return nil, 0, err
				}
				return r, len(r.GetEntries()), show(a, cmd.OutOrStdout(), t, r.GetEntries(), func(e *waybillv1.ScoringEntry) []string {
					return []string{
						stamp(e.GetAt()), wordOf(e.GetKind()), e.GetMspId(), e.GetAccount(), ifTrue(e.GetAmount() > 0, decimal(e.GetAmount())), e.GetCause(), e.GetTask(),
						decimal(e.GetBlock()), e.GetTransactionId(),
					}
				})
			})
		})
	}
	return cmd
}

func (a *app) newScoringFinalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "final SHIPMENT [WINDOW]", Short: "Show what stands for a shipment's windows, and by what",
		Long: `Show the final verdicts on a shipment, or on one of its windows: those that several organisations stand behind for good. What made them so:
unanimous (the whole panel found it), window (nobody challenged it in time), or re-execution on the ledger after a draw, a split or a challenge;
blend is what answers of different models come to: the median, weighted by stake, with the least and highest score and how many answered.
Exit code 1 if there is none.`,
		Example: "  waybill scoring final urn:epc:id:sscc:9521321.0000000012\n  waybill scoring final 00/395200010000000014 3 --json", Args: cobra.RangeArgs(1, 2),
	}
	var l lister
	l.flags(cmd, "verdicts")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var window *uint32
		if len(args) > 1 {
			var err error
			if window, err = windowOf(args[1]); err != nil {
				return err
			}
		}
		return a.askScoring(cmd, func(ctx context.Context, api waybillv1.ScoringServiceClient) error {
			found := 0
			t := a.newTable(cmd, "WINDOW", "LEVEL", "SCORE", "BY", "AT", "TASK", "MODEL", "BLOCK", "TRANSACTION")
			return listed(a, cmd, l.limit, t, func(size uint32, token string) (*waybillv1.ListFinalsResponse, int, error) {
				r, err := api.ListFinals(ctx, &waybillv1.ListFinalsRequest{Shipment: args[0], Window: window, PageSize: size, PageToken: token})
				if err != nil {
					return nil, 0, err
				}
				if found += len(r.GetFinals()); found == 0 {
					return nil, 0, fail(exitRefused, "WB_NOT_FOUND", "`waybill scoring tasks --shipment` shows what is under way", "nothing is final on %s", printable(strings.Join(args, " window ")))
				}
				return r, len(r.GetFinals()), show(a, cmd.OutOrStdout(), t, r.GetFinals(), func(f *waybillv1.FinalVerdict) []string {
					return []string{
						decimal(f.GetWindow()), level1(f.GetAnswer().GetLevel()), millionths(f.GetAnswer().GetScoreMillionths()) + ifTrue(f.GetBlend() != nil, ", "+blendText(f.GetBlend())), f.GetBy(), stamp(f.GetAt()), f.GetTask(),
						cmp.Or(f.GetModel(), "several"), decimal(f.GetBlock()), f.GetTransactionId(),
					}
				})
			})
		})
	}
	return cmd
}

func (a *app) newScoringPolicyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "policy [VERSION]", Short: "Show the scoring policy in force, or a version of it", Example: "  waybill scoring policy\n  waybill scoring policy 1 --json", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			request := &waybillv1.GetScoringPolicyRequest{}
			if len(args) > 0 {
				n, err := strconv.ParseUint(args[0], 10, 32)
				if err != nil || n == 0 {
					return usage("%q is not a version, which are numbered from 1", args[0])
				}
				request.Version = uint32(n)
			}
			return a.askScoring(cmd, func(ctx context.Context, api waybillv1.ScoringServiceClient) error {
				r, err := api.GetScoringPolicy(ctx, request)
				if err != nil {
					return err
				}
				if r.GetPolicy() == nil {
					return fail(exitRefused, "WB_NOT_FOUND", "the keepers of the network's rules vote for one with `waybill scoring vote`", "no scoring policy is in force")
				}
				if a.json {
					return writeView(cmd.OutOrStdout(), r.GetPolicy())
				}
				return printScoringPolicy(cmd.OutOrStdout(), r.GetPolicy())
			})
		},
	}
}

func printScoringPolicy(w io.Writer, p *waybillv1.ScoringPolicy) error {
	share := func(n uint64) string { return millionths(int64(n)) } //nolint:gosec // at most a million
	skew := "5m0s"
	if p.GetSkew() != nil {
		skew = p.GetSkew().AsDuration().String()
	}
	return facts(w, "policy", decimal(p.GetVersion())+", since "+stamp(p.GetAt())+" in "+p.GetTransactionId(), "votes", strings.Join(p.GetVotes(), ", "),
		"stakes from", decimal(p.GetMinStake()), "organisations", "at least "+decimal(p.GetMinPanel())+" on a panel", "commits", p.GetCommitFor().AsDuration().String(), "reveals", p.GetRevealFor().AsDuration().String(),
		"challenges", p.GetChallengeFor().AsDuration().String(), "clocks apart", skew, "final at once", ifTrue(p.GetAtOnce(), "what the whole panel committed to and agrees on or was ruled upon"),
		"reward", decimal(p.GetReward()), "jackpot", fmt.Sprintf("%d, of %s of the tasks", p.GetJackpot(), share(p.GetCanaryMillionths())),
		"wrong costs", share(p.GetWrongMillionths())+" of the stake", "silence costs", share(p.GetSilentMillionths())+" of the stake", "finder gets", share(p.GetFinderMillionths())+" of it",
		"bond", decimal(p.GetBond()), "blend", fmt.Sprintf("%s; an organisation weighs at most %s, an inspection pays %d",
			cmp.Or(ifTrue(p.GetBlendOwnModels(), "each scorer answers by a model of its own"), "off, all answer by one model"), share(p.GetBlendCapMillionths()), p.GetBlendTruth()))
}
