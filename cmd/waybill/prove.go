package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// proveWait is how long a proof of what was recorded just now is waited for.
const proveWait = 30 * time.Second

// proving is the flags that the prove commands share.
type proving struct {
	out       string
	bare, all bool
	height    uint64
	wait      time.Duration
}

func (a *app) newProveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prove",
		Short: "Prove offline-verifiably what the ledger holds",
		Long: `Write a proof that facts are recorded: each fact's leaf in the proof log, the path from there to the
log's root, and the signatures of a majority of the organisations under that root. Whoever has the
organisations' root certificates can check it with ` + "`waybill verify`" + `, offline and trusting nobody else.

What was recorded just now is under no signed root yet: organisations anchor some seconds apart.`,
		Args: cobra.NoArgs, RunE: groupOnly,
	}
	var p proving
	f := cmd.PersistentFlags()
	f.StringVarP(&p.out, "output", "o", "", "the proof's `FILE`; - for standard output (default: named after the fact)")
	f.BoolVar(&p.all, "all", false, "enclose every agreeing organisation's signature, not only those of a majority")
	f.DurationVar(&p.wait, "wait", proveWait, "how long to wait for a root that covers the fact")
	bare := func(c *cobra.Command) *cobra.Command {
		c.Flags().BoolVar(&p.bare, "bare", false, "leave the contents out: the proof then names their digests only")
		c.Flags().Uint64Var(&p.height, "height", 0, "prove under the root at this height (default: the last that a majority anchored)")
		return c
	}
	cmd.AddCommand(
		bare(&cobra.Command{
			Use:   "event HASH...",
			Short: "Prove that events are recorded, in one proof",
			Long: `Prove that events are recorded, by their hashes in either spelling; with - they are read from standard
input, one a line, such as the evidence of a trace or a report. One proof of many events shares its
path and signatures.`,
			Example: `  waybill prove event $(waybill hash shipment.jsonld | head -1)
  waybill events list --epc urn:epc:id:sgtin:9521321.000001.1001 --json | jq -r .hash | waybill prove event - -o item.wbproof`,
			Args: cobra.MinimumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				if len(args) == 1 && args[0] == "-" {
					var err error
					if args, err = readLines(cmd.InOrStdin(), proof.MaxLeaves); err != nil {
						return err
					}
				}
				facts := make([]*waybillv1.FactRef, len(args))
				for i, hash := range args {
					facts[i] = &waybillv1.FactRef{Fact: &waybillv1.FactRef_Event{Event: hash}}
				}
				return a.proveFacts(cmd, p, "event-"+short(args[0]), facts)
			},
		}),
		bare(&cobra.Command{
			Use: "restatement HASH", Short: "Prove the other texts of an event, such as its declarations of error", Args: cobra.ExactArgs(1),
			Long: `Prove every text beside the first that is recorded of an event, in one proof: under other eventIDs, spelt
otherwise, or declaring it in error. ` + "`waybill prove event`" + ` proves the first text. The proof says of each who recorded
it and where; a declaration of error that the event's recorder made in the words of another organisation
is proven as the recorder's.`,
			Example: "  waybill prove restatement HASH -o declared.wbproof",
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.prove(cmd, p, "restatement-"+short(args[0]), func(ctx context.Context, conn grpc.ClientConnInterface) ([]byte, error) {
					r, err := getEvent(ctx, waybillv1.NewCaptureServiceClient(conn), args[0])
					if err != nil {
						return nil, err
					}
					facts := restatementsOf(r.GetEvent())
					if len(facts) == 0 {
						return nil, fail(exitRefused, "WB_NOT_FOUND", "`waybill prove event` proves the first", "the event is recorded in one text only")
					}
					return p.ask(ctx, conn, facts)
				})
			},
		}),
		bare(&cobra.Command{
			Use: "segment DEVICE SEQ", Short: "Prove that a logger's segment of readings is recorded", Args: cobra.ExactArgs(2),
			Example: "  waybill prove segment urn:epc:id:giai:9521321.logger7 0",
			RunE: func(cmd *cobra.Command, args []string) error {
				seq, err := strconv.ParseUint(args[1], 10, 64)
				if err != nil {
					return usage("%q is not a sequence number", args[1])
				}
				ref := &waybillv1.SegmentRef{Device: args[0], Seq: seq}
				return a.proveFacts(cmd, p, "segment-"+args[1], []*waybillv1.FactRef{{Fact: &waybillv1.FactRef_Segment{Segment: ref}}})
			},
		}),
		bare(&cobra.Command{
			Use: "verdict SHIPMENT WINDOW MODEL", Short: "Prove that a verdict is recorded", Args: cobra.ExactArgs(3),
			Example: "  waybill prove verdict urn:epc:id:sscc:9521321.0000000001 0 rules@5f2b",
			RunE: func(cmd *cobra.Command, args []string) error {
				window, err := strconv.ParseUint(args[1], 10, 32)
				if err != nil {
					return usage("%q is not a window's number", args[1])
				}
				ref := &waybillv1.VerdictRef{Shipment: args[0], Window: uint32(window), Model: args[2]}
				return a.proveFacts(cmd, p, "verdict-"+args[1], []*waybillv1.FactRef{{Fact: &waybillv1.FactRef_Verdict{Verdict: ref}}})
			},
		}),
		bare(&cobra.Command{
			Use: "final SHIPMENT WINDOW [MODEL]", Short: "Prove what stands for a window: that several organisations stand behind it", Args: cobra.RangeArgs(2, 3),
			Long: `Prove that a verdict is final: by which task, by what, and what was found, with the whole verdict where one organisation had
recorded another, which ` + "`waybill prove verdict`" + ` proves. Without MODEL, what answers of different models came to.`,
			Example: "  waybill prove final urn:epc:id:sscc:9521321.0000000001 0 rules@5f2b\n  waybill prove final urn:epc:id:sscc:9521321.0000000001 0 -o final.wbproof",
			RunE: func(cmd *cobra.Command, args []string) error {
				window, err := windowOf(args[1])
				if err != nil {
					return err
				}
				ref := &waybillv1.FinalRef{Shipment: args[0], Window: *window, Model: strings.Join(args[2:], "")}
				return a.proveFacts(cmd, p, "final-"+args[1], []*waybillv1.FactRef{{Fact: &waybillv1.FactRef_Final{Final: ref}}})
			},
		}),
		bare(&cobra.Command{
			Use: "finding CODE EVENT [ITEM]", Short: "Prove that a finding is recorded", Args: cobra.RangeArgs(2, 3),
			Long: `Prove that a finding is recorded, as it was last changed. It is named as in ` + "`waybill findings show`" + `: by its rule,
the hash of its event and, unless it is on the event alone, its item, lot or place.`,
			Example: "  waybill prove finding commissioned_twice 5f2b…c1 https://id.gs1.org/01/09521321000018/21/1001",
			RunE: func(cmd *cobra.Command, args []string) error {
				code, event, item, err := findingName(args)
				if err != nil {
					return err
				}
				ref := &waybillv1.FindingRef{Event: event, Code: code, Item: item}
				return a.proveFacts(cmd, p, "finding-"+short(event), []*waybillv1.FactRef{{Fact: &waybillv1.FactRef_Finding{Finding: ref}}})
			},
		}),
		a.newProveRootCommand(&p),
	)
	return cmd
}

// restatementsOf names the texts of an event beside the first, each once.
func restatementsOf(e *waybillv1.Event) (facts []*waybillv1.FactRef) {
	seen := map[ledger.Digest]bool{}
	for _, r := range e.GetRestatements() {
		digest := ledger.BodyDigest(r.GetContext(), r.GetBody())
		if !seen[digest] {
			seen[digest] = true
			ref := &waybillv1.RestatementRef{Event: e.GetHash(), BodyDigest: digest.String()}
			facts = append(facts, &waybillv1.FactRef{Fact: &waybillv1.FactRef_Restatement{Restatement: ref}})
		}
	}
	return facts
}

func (a *app) newProveRootCommand(p *proving) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "root --from HEIGHT [--to HEIGHT]",
		Short:   "Prove that the log under one root continues the log under an earlier one",
		Example: "  waybill prove root --from 120 -o grown.wbproof",
		Args:    cobra.NoArgs,
	}
	from := cmd.Flags().Uint64("from", 0, "height of the earlier root")
	to := cmd.Flags().Uint64("to", 0, "height of the later root (default: the last that a majority anchored)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *from == 0 {
			return usage("name the earlier root with --from; `waybill roots list` has the heights")
		}
		return a.prove(cmd, *p, fmt.Sprintf("roots-%d", *from), func(ctx context.Context, conn grpc.ClientConnInterface) ([]byte, error) {
			r, err := waybillv1.NewProofServiceClient(conn).ProveConsistency(ctx, &waybillv1.ProveConsistencyRequest{FromHeight: *from, ToHeight: *to, AllSignatures: p.all})
			return r.GetProof(), err
		})
	}
	return cmd
}

func (a *app) proveFacts(cmd *cobra.Command, p proving, name string, facts []*waybillv1.FactRef) error {
	return a.prove(cmd, p, name, func(ctx context.Context, conn grpc.ClientConnInterface) ([]byte, error) {
		return p.ask(ctx, conn, facts)
	})
}

// ask asks once for the proof of facts.
func (p proving) ask(ctx context.Context, conn grpc.ClientConnInterface, facts []*waybillv1.FactRef) ([]byte, error) {
	r, err := waybillv1.NewProofServiceClient(conn).Prove(ctx, &waybillv1.ProveRequest{Facts: facts, Height: p.height, Bare: p.bare, AllSignatures: p.all})
	return r.GetProof(), err
}

// prove asks for a proof until there is a root that covers it, and writes it.
func (a *app) prove(cmd *cobra.Command, p proving, name string, ask func(context.Context, grpc.ClientConnInterface) ([]byte, error)) error {
	if p.wait < 0 {
		return usage("--wait is negative")
	}
	if a.timeout == 0 {
		a.timeout = askTimeout + p.wait
	}
	deadline := time.Now().Add(p.wait)
	return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		for {
			file, err := ask(ctx, conn)
			if err == nil {
				return a.writeProof(cmd, p, name, file)
			}
			if status.Code(err) != codes.FailedPrecondition || codeOf(err) != "WB_PROOF_NOT_ANCHORED" || time.Now().After(deadline) {
				return err
			}
			const again = 500 * time.Millisecond
			select {
			case <-time.After(again):
			case <-ctx.Done():
				return err
			}
		}
	})
}

func (a *app) writeProof(cmd *cobra.Command, p proving, name string, file []byte) error {
	decoded, err := proof.Decode(file)
	if err != nil {
		return fmt.Errorf("%s: the server's proof: %w", codeInternal, err)
	}
	out := cmd.OutOrStdout()
	if p.out == "-" {
		_, err = out.Write(file)
		return err
	}
	path := p.out
	if path == "" && !a.json {
		path = name + ".wbproof"
	}
	if path != "" {
		if err := os.WriteFile(path, file, 0o644); err != nil { //nolint:gosec // a proof is for everyone to read
			return fail(exitRefused, codeFile, "", "%s", err)
		}
	}
	if a.json {
		view, err := proof.NewView(decoded)
		if err != nil {
			return err
		}
		return writeJSON(out, view)
	}
	if a.quiet {
		return nil
	}
	root := decoded.Roots[len(decoded.Roots)-1]
	return facts(out, "proof", path, "bytes", strconv.Itoa(len(file)), "root", root.Root.Hash.String(),
		"of", fmt.Sprintf("%d leaves after %s", root.Root.Size, count(int64(root.Root.Height), "block")), //nolint:gosec // bounded by the contract
		"signed by", count(int64(len(root.Signatures)), "organisation"))
}

// short is the beginning of a hash, in either spelling.
func short(hash string) string {
	_, digits, found := strings.Cut(hash, ";")
	if !found {
		digits = hash
	}
	return digits[:min(12, len(digits))]
}

// readLines reads lines that are not empty, at most limit.
func readLines(r io.Reader, limit int) ([]string, error) {
	var lines []string
	scan := bufio.NewScanner(r)
	for scan.Scan() {
		if line := strings.TrimSpace(scan.Text()); line != "" {
			lines = append(lines, line)
		}
		if len(lines) > limit {
			return nil, usage("more than %d hashes; prove them in several files", limit)
		}
	}
	if len(lines) == 0 && scan.Err() == nil {
		return nil, usage("no hash on standard input")
	}
	return lines, scan.Err()
}

// readProof reads a proof from its file, or from its JSON view.
func readProof(name string, in io.Reader) (proof.Proof, error) {
	if name != "-" {
		f, err := os.Open(name) //nolint:gosec // the user names it
		if err != nil {
			return proof.Proof{}, fail(exitRefused, codeFile, "", "%s", err)
		}
		defer f.Close() //nolint:errcheck // only read
		in = f
	}
	const most = 2 * proof.MaxBytes // JSON spells bytes longer
	raw, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return proof.Proof{}, fail(exitRefused, codeFile, "", "%s", err)
	}
	if len(raw) > most {
		return proof.Proof{}, fmt.Errorf("%w: more than %d bytes", proof.ErrMalformed, most)
	}
	if len(raw) > 0 && raw[0] == '{' {
		return proof.DecodeView(raw)
	}
	return proof.Decode(raw)
}
