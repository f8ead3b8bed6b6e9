package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/statedfile"
)

const (
	maxPolicyFile = 4 << 20
	maxPolicies   = 1000
)

// policyFile is what `policies set` reads.
type policyFile struct {
	Policies []policyEntry `yaml:"policies"`
}

type policyEntry struct {
	ID            string   `yaml:"id"`
	Version       uint32   `yaml:"version"`
	Products      []string `yaml:"products"`
	Low           *celsius `yaml:"low"`
	High          *celsius `yaml:"high"`
	ExcursionLow  *celsius `yaml:"excursion_low"`
	ExcursionHigh *celsius `yaml:"excursion_high"`
	ExcursionFor  span     `yaml:"excursion_for"`
	Grace         span     `yaml:"grace"`
	MKTMax        celsius  `yaml:"mkt_max"`
	MKTOver       span     `yaml:"mkt_over"`
	FreezeBelow   *celsius `yaml:"freeze_below"`
	FreezeFor     span     `yaml:"freeze_for"`
	WindowAtLeast span     `yaml:"window_at_least"`
}

// celsius is a temperature in thousandths of a degree, written as a decimal number of degrees.
type celsius int32

func (c *celsius) UnmarshalYAML(n *yaml.Node) error {
	v, err := parseMilli(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	*c = celsius(v)
	return nil
}

// span is a duration such as 24h or 1h30m.
type span time.Duration

func (s *span) UnmarshalYAML(n *yaml.Node) error {
	d, err := time.ParseDuration(n.Value)
	if err != nil || d < 0 || d%time.Millisecond != 0 {
		return fmt.Errorf("line %d: %q is not a span of time such as 24h or 1h30m", n.Line, n.Value)
	}
	*s = span(d)
	return nil
}

// parseMilli reads a decimal number of at most three decimals as thousandths.
func parseMilli(text string) (int32, error) {
	bad := fmt.Errorf("%q is not a number of at most three decimals", text)
	digits, negative := strings.CutPrefix(text, "-")
	whole, part, dotted := strings.Cut(digits, ".")
	if len(part) > 3 || dotted && part == "" || whole == "" {
		return 0, bad
	}
	part += strings.Repeat("0", 3-len(part))
	n, err := strconv.ParseUint(whole+part, 10, 31)
	if err != nil || n > math.MaxInt32 {
		return 0, bad
	}
	if negative {
		return -int32(n), nil
	}
	return int32(n), nil
}

func readPolicies(file string, stdin io.Reader) ([]*waybillv1.Policy, error) {
	in, err := openInput(file, stdin)
	if err != nil {
		return nil, err
	}
	defer in.Close() //nolint:errcheck // read only, nothing to lose
	raw, err := io.ReadAll(io.LimitReader(in, maxPolicyFile+1))
	if err != nil {
		return nil, fail(exitRefused, codeFile, "", "%s: %w", file, err)
	}
	bad := func(format string, args ...any) error {
		return fail(exitRefused, codeInvalid, "waybill policies set --help shows a file", file+": "+format, args...)
	}
	if len(raw) > maxPolicyFile {
		return nil, bad("larger than %d bytes", maxPolicyFile)
	}
	var f policyFile
	if err = statedfile.Struct(raw, &f); err != nil {
		return nil, bad("%w", err)
	}
	if len(f.Policies) == 0 || len(f.Policies) > maxPolicies {
		return nil, bad("it holds %d policies, 1 to %d are possible", len(f.Policies), maxPolicies)
	}
	out := make([]*waybillv1.Policy, len(f.Policies))
	for i, e := range f.Policies {
		if out[i], err = e.policy(); err != nil {
			return nil, bad("policies[%d]: %w", i, err)
		}
	}
	return out, nil
}

func (e policyEntry) policy() (*waybillv1.Policy, error) {
	if e.Low == nil || e.High == nil {
		return nil, errors.New("low and high are needed")
	}
	duration := func(s span) *durationpb.Duration {
		if s == 0 {
			return nil
		}
		return durationpb.New(time.Duration(s))
	}
	p := &waybillv1.Policy{
		Id: e.ID, Version: max(e.Version, 1), Products: e.Products,
		Low: int32(*e.Low), High: int32(*e.High),
		ExcursionLow: int32(*cmp.Or(e.ExcursionLow, e.Low)), ExcursionHigh: int32(*cmp.Or(e.ExcursionHigh, e.High)),
		ExcursionFor: duration(e.ExcursionFor), Grace: duration(e.Grace),
		MktMax: int32(e.MKTMax), MktOver: duration(e.MKTOver),
		FreezeFor: duration(e.FreezeFor), WindowAtLeast: duration(e.WindowAtLeast),
	}
	if e.FreezeBelow != nil {
		below := int32(*e.FreezeBelow)
		p.FreezeBelow = &below
	}
	return p, nil
}

func (a *app) newPoliciesCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "policies", Short: "Say what products may be exposed to", Args: cobra.NoArgs, RunE: groupOnly}
	set := &cobra.Command{
		Use:   "set FILE",
		Short: "Put policies on the ledger",
		Long: `Put the policies of a YAML or JSON file on the ledger. Temperatures are degrees Celsius with at
most three decimals. A new version supersedes the one before; a version once set stays as it is.

  policies:
    - id: refrigerated
      version: 1
      products: ["https://id.gs1.org/01/09521321000018"]   # or "*": every other product
      low: 2                  # recommended range
      high: 8
      excursion_low: 0        # allowed excursions
      excursion_high: 15
      excursion_for: 24h      # altogether, outside the recommended range
      grace: 10m              # outside the excursion range, let pass
      mkt_max: 8              # mean kinetic temperature ...
      mkt_over: 24h           # ... over any span of this length
      freeze_below: -0.5
      freeze_for: 30m
      window_at_least: 15m    # least data time between two verdicts`,
		Example: "  waybill policies set policies.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			policies, err := readPolicies(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			return a.ask(cmd, profile.IdentityRegistrar, func(ctx context.Context, conn grpc.ClientConnInterface) error {
				r, err := waybillv1.NewPolicyServiceClient(conn).SetPolicies(ctx, &waybillv1.SetPoliciesRequest{Policies: policies})
				if err != nil {
					return err
				}
				return a.policyResults(cmd, r.GetResults())
			})
		},
	}
	list := &cobra.Command{
		Use:     "list",
		Short:   "List policies",
		Example: "  waybill policies list --all-versions --json",
		Args:    cobra.NoArgs,
	}
	all := list.Flags().Bool("all-versions", false, "every version, not the current only")
	var l lister
	l.flags(list, "policies")
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			api := waybillv1.NewPolicyServiceClient(conn)
			t := a.newTable(cmd, "POLICY", "VERSION", "RANGE", "EXCURSIONS", "FOR", "MKT", "FREEZE", "PRODUCTS", "SET BY")
			return listed(a, cmd, l.limit, t, func(size uint32, token string) (*waybillv1.ListPoliciesResponse, int, error) {
				r, err := api.ListPolicies(ctx, &waybillv1.ListPoliciesRequest{AllVersions: *all, PageSize: size, PageToken: token})
				if err != nil {
					return nil, 0, err
				}
				return r, len(r.GetPolicies()), show(a, cmd.OutOrStdout(), t, r.GetPolicies(), policyRow)
			})
		})
	}
	cmd.AddCommand(set, list)
	return cmd
}

func (a *app) policyResults(cmd *cobra.Command, results []*waybillv1.PolicyResult) error {
	refusals := 0
	for _, r := range results {
		if r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED {
			refusals++
		}
		var err error
		switch {
		case a.json:
			err = writeView(cmd.OutOrStdout(), r)
		case r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED:
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s/%d refused: %s: %s\n", r.GetId(), r.GetVersion(), r.GetCode(), printable(r.GetMessage()))
		default:
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s/%d %s (transaction %s)\n", r.GetId(), r.GetVersion(), wordOf(r.GetStatus()), r.GetTransactionId())
		}
		if err != nil {
			return err
		}
	}
	if refusals > 0 {
		return refused("%d of %d refused", refusals, len(results))
	}
	return nil
}

func degrees(milli int32) string {
	text := strconv.FormatFloat(float64(milli)/1000, 'f', -1, 64)
	return text + " °C"
}

func policyRow(p *waybillv1.Policy) []string {
	mkt, freeze := "", ""
	if p.GetMktOver() != nil {
		mkt = degrees(p.GetMktMax()) + " over " + p.GetMktOver().AsDuration().String()
	}
	if p.FreezeBelow != nil {
		freeze = degrees(p.GetFreezeBelow()) + " for " + p.GetFreezeFor().AsDuration().String()
	}
	return []string{
		p.GetId(), strconv.FormatUint(uint64(p.GetVersion()), 10),
		degrees(p.GetLow()) + " to " + degrees(p.GetHigh()),
		degrees(p.GetExcursionLow()) + " to " + degrees(p.GetExcursionHigh()), p.GetExcursionFor().AsDuration().String(),
		mkt, freeze, strings.Join(p.GetProducts(), " "), p.GetSetBy(),
	}
}
