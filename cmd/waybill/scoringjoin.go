package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/gateway/submit"
	"github.com/waybill-dev/waybill/internal/founding"
)

// scoringSteps are what an organisation does to score with others.
func (a *app) scoringSteps() []*cobra.Command {
	return []*cobra.Command{a.newScoringJoinCommand(), a.newScoringLeaveCommand(), a.newScoringVoteCommand(), a.newScoringInspectCommand()}
}

// organisation has the organisation's service take steps on the ledger by itself: what scores is its key.
func (a *app) organisation(cmd *cobra.Command, do func(context.Context, *founding.Organisation) error) error {
	p, err := a.loadProfile()
	if err != nil {
		return err
	}
	ctx, cancel := a.within(cmd.Context())
	defer cancel()
	org, err := founding.Connect(ctx, p, a.identity)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, org), org.Close())
}

// took tells what became of a step, and fails if it was refused.
func (a *app) took(cmd *cobra.Command, what string, o submit.Outcome) error {
	r := &waybillv1.GovernedResult{Status: waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED, Code: o.Code, Message: o.Message, Digest: o.Digest.String(), TransactionId: o.TxID, Block: o.Block}
	switch o.Status {
	case ledger.StatusRefused:
		r.Status = waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED
	case ledger.StatusDuplicate:
		r.Status = waybillv1.AnswerStatus_ANSWER_STATUS_DUPLICATE
	case ledger.StatusRecorded:
	}
	return a.governedResults(cmd, what, []*waybillv1.GovernedResult{r})
}

func (a *app) newScoringJoinCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "join", Short: "Become a scorer: open an account, bond a stake, register",
		Long: `Make this organisation a scorer, by its service's key: open its credit account if there is none, add to its stake what that lacks
of --stake, and register. From then on its server's scorer takes part in the tasks that open. What is so already stays as it is.
The credits come out of the account; where they do not suffice, the keepers of the network's rules mint some.

The keepers can put any stake and any policy to the vote, and the first rules name them on the word of one organisation. With --rules
FILE, the rules as this organisation agreed to them, nothing is bonded where the ledger's keepers are others (WB_OTHER_KEEPERS). Without
it the command says who keeps the rules, under which digest, and on whose word.`,
		Example: "  waybill scoring join --org carrier --stake 10000 --rules rules.yaml", Args: cobra.NoArgs,
	}
	rules := cmd.Flags().String("rules", "", "hold the ledger's keepers to those of the rules in this `FILE`")
	stake := cmd.Flags().Uint64("stake", 0, "credits to have at risk (default: the least that the policy asks for)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *stake > uint64(ledger.MaxCredits) {
			return usage("--stake %d: at most %d credits", *stake, ledger.MaxCredits)
		}
		agreed, err := keepersIn(*rules, cmd.InOrStdin())
		if err != nil {
			return err
		}
		return a.organisation(cmd, func(ctx context.Context, org *founding.Organisation) error {
			if err := a.checkKeepers(ctx, cmd, org, agreed); err != nil {
				return err
			}
			return a.join(ctx, cmd, org, ledger.Credits(*stake))
		})
	}
	return cmd
}

// keepersIn reads the keepers that the rules of a file name; nil for no file.
func keepersIn(file string, stdin io.Reader) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	data, _, err := readMasterData(file, stdin)
	if err != nil {
		return nil, err
	}
	for _, d := range data {
		if keepers := d.GetRules().GetKeepers(); len(keepers) > 0 {
			return keepers, nil
		}
	}
	return nil, usage("--rules: %s holds no rules that name keepers", file)
}

// checkKeepers holds the ledger's keepers to those that were agreed on, or says who they are where that is not given.
func (a *app) checkKeepers(ctx context.Context, cmd *cobra.Command, org *founding.Organisation, agreed []string) error {
	book, err := org.Rules(ctx)
	if err != nil {
		return err
	}
	if book == nil {
		return fail(exitRefused, ledger.CodeKeepers, "an organisation registers rules that name them: waybill masterdata register --help", "the network has no rules yet, and nobody who keeps them")
	}
	if agreed == nil {
		if !a.quiet {
			fmt.Fprintln(cmd.ErrOrStderr(), founding.TellRules(*book))
		}
		return nil
	}
	if err = founding.CheckKeepers(*book, agreed); err != nil {
		return fail(exitRefused, codeOf(err), "nothing was bonded; settle with the other organisations whose keepers are right", "%w", err)
	}
	return nil
}

func (a *app) join(ctx context.Context, cmd *cobra.Command, org *founding.Organisation, stake ledger.Credits) error {
	policy, err := org.Policy(ctx)
	if err != nil {
		return err
	}
	if policy == nil {
		return fail(exitRefused, ledger.CodeNoScoringPolicy, "the keepers of the network's rules vote for one with `waybill scoring vote`", "no scoring policy is in force")
	}
	if stake == 0 {
		stake = policy.MinStake
	}
	if stake < policy.MinStake {
		return usage("--stake %d: the policy in force asks for %d at least", stake, policy.MinStake)
	}
	account, err := org.Open(ctx)
	if err == nil {
		err = a.took(cmd, "account", account)
	}
	if err != nil {
		return err
	}
	bonded, err := org.Bonded(ctx, account.Digest)
	if err != nil {
		return err
	}
	if bonded < stake {
		if err = a.bond(ctx, cmd, org, account.Digest, stake-bonded); err != nil {
			return err
		}
	}
	o, err := org.Register(ctx, false)
	if err != nil {
		return err
	}
	return a.took(cmd, "scorer", o)
}

func (a *app) bond(ctx context.Context, cmd *cobra.Command, org *founding.Organisation, account ledger.Digest, amount ledger.Credits) error {
	notes, err := a.free(cmd, account, amount) //nolint:contextcheck // a question to the server has its own time
	if err != nil {
		return err
	}
	o, err := org.Bond(ctx, notes, amount)
	if err != nil {
		return err
	}
	return a.took(cmd, "stake", o)
}

// free chooses notes of the organisation's that hold an amount together, or says how to come by it.
func (a *app) free(cmd *cobra.Command, account ledger.Digest, amount ledger.Credits) ([]ledger.NoteID, error) {
	var notes []ledger.NoteID
	err := a.askCredits(cmd, profile.IdentityHolder, func(ctx context.Context, api waybillv1.CreditServiceClient) error {
		inputs, _, err := pick(ctx, api, uint64(amount))
		_, lacking := errors.AsType[*failure](err)
		if lacking || status.Code(err) == codes.NotFound { // its server has not read of the account yet
			return fail(exitRefused, ledger.CodeStake, fmt.Sprintf("the keepers of the network's rules mint credits: waybill credits mint --serial NAME %s=%d", account, amount),
				"the stake lacks %d credits, and the account does not hold them", amount)
		}
		for _, text := range inputs {
			id, failed := ledger.ParseNoteID(text)
			if failed != nil {
				return failed
			}
			notes = append(notes, id)
		}
		return err
	})
	return notes, err
}

func (a *app) newScoringLeaveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "leave", Short: "Score no longer in tasks that open",
		Long: `End this organisation's part as a scorer. Tasks that are open keep its seat, so let its server run until they have ended. The stake
stays bonded until "waybill credits unbond", and at risk for the credit policy's delay after that; whoever asks for some of it back before
a task has closed loses its seat there. Who left may join again when about two times to challenge an answer are over (WB_TASK_TIME).`,
		Example: "  waybill scoring leave --org carrier", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.organisation(cmd, func(ctx context.Context, org *founding.Organisation) error {
				o, err := org.Register(ctx, true)
				if err != nil {
					return err
				}
				return a.took(cmd, "scorer", o)
			})
		},
	}
}

func (a *app) newScoringVoteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "vote FILE", Short: "Vote for a scoring policy",
		Long: `Vote for the scoring policy of a YAML or JSON file, or of standard input for "-". It comes in force once more than half of the keepers
of the network's rules have voted for the same. What the file leaves out is as in the policy whose economics docs/scoring.md measures:
--print writes that, with what each field is for. A credit policy comes first: a task may mint reward and jackpot, and a stake
must stay at risk for as long as a fault may take to be proven.`,
		Example: "  waybill scoring vote --print > policy.yaml\n  waybill scoring vote --org carrier policy.yaml",
	}
	show := cmd.Flags().Bool("print", false, "write the default policy as a file, and vote for nothing")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if *show {
			return cobra.NoArgs(cmd, args)
		}
		return cobra.ExactArgs(1)(cmd, args)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *show {
			return writePolicy(cmd.OutOrStdout(), defaultPolicy())
		}
		policy, err := readPolicy(args[0], cmd.InOrStdin())
		if err != nil {
			return err
		}
		if needs := anchoringNeeds(policy); needs != "" && !a.quiet {
			fmt.Fprintln(cmd.ErrOrStderr(), needs)
		}
		return a.organisation(cmd, func(ctx context.Context, org *founding.Organisation) error {
			inForce, err := org.Policy(ctx)
			if err != nil {
				return err
			}
			if policy.Version == 0 {
				if policy, _, err = founding.Next(policy, inForce); err != nil {
					return err
				}
			}
			o, err := org.Vote(ctx, policy)
			if err != nil {
				return err
			}
			return a.took(cmd, "scoring policy", o)
		})
	}
	return cmd
}
