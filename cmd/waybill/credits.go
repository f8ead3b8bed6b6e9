package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/statedfile"
)

// creditKeyOf names the key that an identity signs with, as credit accounts are bound to it.
func creditKeyOf(p *profile.Profile, identity string) (ledger.Digest, error) {
	id, err := p.Identity(identity)
	if err != nil {
		return ledger.Digest{}, err
	}
	text, err := os.ReadFile(id.Cert)
	if err != nil {
		return ledger.Digest{}, fmt.Errorf("certificate of identity %s: %w", identity, err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return ledger.Digest{}, fmt.Errorf("certificate of identity %s: %s holds no PEM block", identity, id.Cert)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return ledger.Digest{}, fmt.Errorf("certificate of identity %s: %w", identity, err)
	}
	return ledger.CreditBinding(p.MSPID, sha256.Sum256(certificate.RawSubjectPublicKeyInfo)), nil
}

// maxStated bounds a file that states a motion, a model or an evaluation.
const maxStated = 1 << 20

// readStated reads what a YAML or JSON file states, or standard input for "-".
func readStated(file string, stdin io.Reader, into proto.Message) error {
	text, err := statedText(file, stdin)
	if err != nil {
		return err
	}
	if err := statedfile.Message(text, into); err != nil {
		return usage("%s: %w", file, err)
	}
	return nil
}

// statedText is what a file holds, or standard input for "-".
func statedText(file string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file) //nolint:gosec // the user names the file
		if err != nil {
			return nil, fail(exitRefused, codeFile, "", "%w", err)
		}
		defer f.Close() //nolint:errcheck // was read only
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxStated+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", file, err)
	case len(text) > maxStated:
		return nil, usage("%s: more than %d bytes", file, maxStated)
	}
	return text, nil
}

// governedResults tells what became of operations, motions or submissions.
func (a *app) governedResults(cmd *cobra.Command, what string, results []*waybillv1.GovernedResult) error {
	refusals := 0
	for _, r := range results {
		var err error
		switch {
		case a.json:
			err = writeView(cmd.OutOrStdout(), r)
		case r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED:
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s refused: %s: %s\n", what, r.GetCode(), printable(r.GetMessage()))
		default:
			note := ""
			if r.GetMessage() != "" {
				note = "; " + printable(r.GetMessage())
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s: %s (transaction %s)%s\n", what, wordOf(r.GetStatus()), r.GetDigest(), r.GetTransactionId(), note)
		}
		if err != nil {
			return err
		}
		if r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED {
			refusals++
		}
	}
	if refusals > 0 {
		return refused("%d of %d refused", refusals, len(results))
	}
	return nil
}

func amountOf(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 || ledger.Credits(n) > ledger.MaxCredits {
		return 0, usage("%q is not a number of credits from 1 to %d", text, ledger.MaxCredits)
	}
	return n, nil
}

// paymentsOf reads whom to pay how much: "ACCOUNT AMOUNT" or "ACCOUNT=AMOUNT", as often as there are.
func paymentsOf(args []string) ([]*waybillv1.Payment, error) {
	var out []*waybillv1.Payment
	for len(args) > 0 {
		to, text, joined := strings.Cut(args[0], "=")
		args = args[1:]
		if _, err := ledger.ParseDigest(to); err != nil {
			return nil, usage("%s is no account, which 64 hexadecimal digits name: an account comes first, then its amount, as ACCOUNT AMOUNT or ACCOUNT=AMOUNT", printable(strconv.Quote(to)))
		}
		if !joined {
			if len(args) == 0 {
				return nil, usage("account %s is to have no amount: write ACCOUNT AMOUNT or ACCOUNT=AMOUNT", to)
			}
			text, args = args[0], args[1:]
		}
		n, err := amountOf(text)
		if err != nil {
			return nil, err
		}
		out = append(out, &waybillv1.Payment{To: to, Amount: n})
	}
	return out, nil
}

func (a *app) newCreditsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "credits", Short: "Move credits, and show accounts, stakes and receipts",
		Long: `Move the credits of this organisation's account, and show everybody's. Credits are notes: a payment spends
some and makes others. An account is named by 64 hexadecimal digits, a note by "transaction/index".`,
		Args: cobra.NoArgs, RunE: groupOnly,
	}
	cmd.AddCommand(a.creditReads()...)
	cmd.AddCommand(a.creditMoves()...)
	cmd.AddCommand(a.creditMotions()...)
	return cmd
}

func (a *app) creditReads() []*cobra.Command {
	account := &cobra.Command{
		Use: "account [ACCOUNT]", Short: "Show an account: this organisation's, or another's", Example: "  waybill credits account --org carrier", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.askCredits(cmd, profile.IdentityDashboard, func(ctx context.Context, api waybillv1.CreditServiceClient) error {
				r, err := api.GetCreditAccount(ctx, &waybillv1.GetCreditAccountRequest{Account: strings.Join(args, "")})
				if err != nil {
					return err
				}
				if a.json {
					return writeView(cmd.OutOrStdout(), r.GetAccount())
				}
				c := r.GetAccount()
				return facts(cmd.OutOrStdout(), "account", c.GetId(), "organisation", c.GetMspId(), "subject", c.GetSubject(), "frozen", ifTrue(c.GetFrozen(), "its key may move nothing"),
					"unspent", strconv.FormatUint(c.GetUnspent(), 10), "locked", strconv.FormatUint(c.GetLocked(), 10), "notes", strconv.FormatUint(c.GetNotes(), 10),
					"stake", ifTrue(c.GetStake() != nil, strconv.FormatUint(c.GetStake().GetBonded(), 10)), "slashed", ifTrue(c.GetStake().GetSlashed() > 0, strconv.FormatUint(c.GetStake().GetSlashed(), 10)),
					"opened", stamp(c.GetOpenedAt()))
			})
		},
	}
	accounts := &cobra.Command{Use: "accounts", Short: "List accounts with balance and stake", Example: "  waybill credits accounts --msp CarrierMSP", Args: cobra.NoArgs}
	msp := accounts.Flags().String("msp", "", "only accounts of this organisation (MSP ID)")
	var la lister
	la.flags(accounts, "accounts")
	accounts.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.askCredits(cmd, profile.IdentityDashboard, func(ctx context.Context, api waybillv1.CreditServiceClient) error {
			t := a.newTable(cmd, "ACCOUNT", "ORGANISATION", "SUBJECT", "UNSPENT", "LOCKED", "STAKE", "SLASHED")
			return listed(a, cmd, la.limit, t, func(size uint32, token string) (*waybillv1.ListCreditAccountsResponse, int, error) {
				r, err := api.ListCreditAccounts(ctx, &waybillv1.ListCreditAccountsRequest{MspId: *msp, PageSize: size, PageToken: token})
				if err != nil {
					return nil, 0, err
				}
				return r, len(r.GetAccounts()), show(a, cmd.OutOrStdout(), t, r.GetAccounts(), func(c *waybillv1.CreditAccount) []string {
					return []string{
						c.GetId(), c.GetMspId(), c.GetSubject(), strconv.FormatUint(c.GetUnspent(), 10), strconv.FormatUint(c.GetLocked(), 10),
						strconv.FormatUint(c.GetStake().GetBonded(), 10), strconv.FormatUint(c.GetStake().GetSlashed(), 10),
					}
				})
			})
		})
	}
	notes := &cobra.Command{Use: "notes [ACCOUNT]", Short: "List the notes of an account that are not spent", Example: "  waybill credits notes --json", Args: cobra.MaximumNArgs(1)}
	var ln lister
	ln.flags(notes, "notes")
	notes.RunE = func(cmd *cobra.Command, args []string) error {
		return a.askCredits(cmd, profile.IdentityDashboard, func(ctx context.Context, api waybillv1.CreditServiceClient) error {
			t := a.newTable(cmd, "NOTE", "AMOUNT", "LOCK", "UNTIL", "TASK")
			return listed(a, cmd, ln.limit, t, func(size uint32, token string) (*waybillv1.ListNotesResponse, int, error) {
				r, err := api.ListNotes(ctx, &waybillv1.ListNotesRequest{Account: strings.Join(args, ""), PageSize: size, PageToken: token})
				if err != nil {
					return nil, 0, err
				}
				return r, len(r.GetNotes()), show(a, cmd.OutOrStdout(), t, r.GetNotes(), func(n *waybillv1.CreditNote) []string {
					return []string{n.GetId(), strconv.FormatUint(n.GetAmount(), 10), n.GetLock().GetPurpose(), stamp(n.GetLock().GetNotBefore()), n.GetLock().GetTask()}
				})
			})
		})
	}
	receipts := &cobra.Command{
		Use: "receipts [ACCOUNT]", Short: "List operations: the books of payments, stakes and rewards",
		Example: "  waybill credits receipts --kind slash\n  waybill credits receipts --newest --limit 10", Args: cobra.MaximumNArgs(1),
	}
	kind := receipts.Flags().String("kind", "", "transfer, lock, release, burn, bond, unbond, mint, slash or reward")
	newest := receipts.Flags().Bool("newest", false, "the latest first")
	var lr lister
	lr.flags(receipts, "receipts")
	receipts.RunE = func(cmd *cobra.Command, args []string) error {
		return a.askCredits(cmd, profile.IdentityDashboard, func(ctx context.Context, api waybillv1.CreditServiceClient) error {
			t := a.newTable(cmd, "AT", "KIND", "ORGANISATION", "MINTED", "BURNED", "SPENT", "MADE", "CAUSE", "MEMO")
			return listed(a, cmd, lr.limit, t, func(size uint32, token string) (*waybillv1.ListReceiptsResponse, int, error) {
				r, err := api.ListReceipts(ctx, &waybillv1.ListReceiptsRequest{Account: strings.Join(args, ""), Kind: *kind, Newest: *newest, PageSize: size, PageToken: token})
				if err != nil {
					return nil, 0, err
				}
				return r, len(r.GetReceipts()), show(a, cmd.OutOrStdout(), t, r.GetReceipts(), func(c *waybillv1.CreditReceipt) []string {
					return []string{
						stamp(c.GetAt()), c.GetKind(), c.GetMspId(), strconv.FormatUint(c.GetMinted(), 10), strconv.FormatUint(c.GetBurned(), 10),
						amounts(c.GetSpent()), amounts(c.GetCreated()), c.GetCause(), c.GetMemo(),
					}
				})
			})
		})
	}
	sums := &cobra.Command{
		Use: "sums", Short: "Add up the whole ledger: minted = burned + unspent + locked",
		Long: "Add up the mints, burns and notes of the whole ledger at one height, and show the policy in force. Exit code 1 if they do not balance.", Example: "  waybill credits sums --json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.askCredits(cmd, profile.IdentityDashboard, func(ctx context.Context, api waybillv1.CreditServiceClient) error {
				r, err := api.GetCreditSums(ctx, &waybillv1.GetCreditSumsRequest{})
				if err != nil {
					return err
				}
				if a.json {
					err = writeView(cmd.OutOrStdout(), r)
				} else {
					n := func(v uint64) string { return strconv.FormatUint(v, 10) }
					p := r.GetPolicy()
					err = facts(cmd.OutOrStdout(), "height", n(r.GetHeight()), "minted", n(r.GetMinted()), "burned", n(r.GetBurned()), "unspent", n(r.GetUnspent()), "locked", n(r.GetLocked()),
						"policy", ifTrue(p != nil, fmt.Sprintf("%d: stakes from %d, unbonded after %s, a task mints at most %d", p.GetVersion(), p.GetMinStake(), p.GetUnbondDelay().AsDuration(), p.GetTaskMint())))
				}
				if err == nil && !r.GetBalanced() {
					err = refused("the sums do not balance")
				}
				return err
			})
		},
	}
	return []*cobra.Command{account, accounts, notes, receipts, sums}
}

func amounts(notes []*waybillv1.CreditNote) string {
	texts := make([]string, len(notes))
	for i, n := range notes {
		texts[i] = strconv.FormatUint(n.GetAmount(), 10)
	}
	return strings.Join(texts, "+")
}

func (a *app) askCredits(cmd *cobra.Command, identity string, question func(context.Context, waybillv1.CreditServiceClient) error) error {
	return a.ask(cmd, identity, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		return question(ctx, waybillv1.NewCreditServiceClient(conn))
	})
}

// pick chooses notes of the organisation's that hold an amount together, the largest first, as few as there are.
func pick(ctx context.Context, api waybillv1.CreditServiceClient, amount uint64) (inputs []string, sum uint64, err error) {
	var free []*waybillv1.CreditNote
	for token := ""; ; {
		r, err := api.ListNotes(ctx, &waybillv1.ListNotesRequest{PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, 0, err
		}
		for _, n := range r.GetNotes() {
			if n.GetLock() == nil {
				free = append(free, n)
			}
		}
		if token = r.GetNextPageToken(); token == "" {
			break
		}
	}
	slices.SortStableFunc(free, func(a, b *waybillv1.CreditNote) int { return cmp.Compare(b.GetAmount(), a.GetAmount()) })
	for _, n := range free {
		if sum >= amount || len(inputs) == ledger.MaxNotesIn {
			break
		}
		inputs, sum = append(inputs, n.GetId()), sum+n.GetAmount()
	}
	if sum < amount {
		return nil, 0, fail(exitRefused, ledger.CodeUnbalanced, "", "the organisation's notes hold %d credits that may be spent in one operation, %d are needed", sum, amount)
	}
	return inputs, sum, nil
}

// moves asks for an operation on an amount, as it is written, out of the organisation's notes.
func (a *app) moves(cmd *cobra.Command, what, amount string, operation func(inputs []string, sum, amount uint64, own string) (*waybillv1.CreditOperation, error)) error {
	n, err := amountOf(amount)
	if err != nil {
		return err
	}
	return a.moved(cmd, what, "", n, operation)
}

// moved asks for an operation on an amount out of the organisation's notes.
func (a *app) moved(cmd *cobra.Command, what, memo string, n uint64, operation func(inputs []string, sum, amount uint64, own string) (*waybillv1.CreditOperation, error)) error {
	return a.askCredits(cmd, profile.IdentityHolder, func(ctx context.Context, api waybillv1.CreditServiceClient) error {
		own, err := api.GetCreditAccount(ctx, &waybillv1.GetCreditAccountRequest{})
		if err != nil {
			return err
		}
		inputs, sum, err := pick(ctx, api, n)
		if err != nil {
			return err
		}
		op, err := operation(inputs, sum, n, own.GetAccount().GetId())
		if err != nil {
			return err
		}
		op.Memo = memo
		return a.transacted(ctx, cmd, api, what, op)
	})
}

func (a *app) transacted(ctx context.Context, cmd *cobra.Command, api waybillv1.CreditServiceClient, what string, op *waybillv1.CreditOperation) error {
	r, err := api.Transact(ctx, &waybillv1.TransactRequest{Operations: []*waybillv1.CreditOperation{op}})
	if err != nil {
		return err
	}
	return a.governedResults(cmd, what, r.GetResults())
}

func (a *app) creditMoves() []*cobra.Command {
	open := &cobra.Command{
		Use: "open", Short: "Open this organisation's account", Example: "  waybill credits open --org carrier", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.askCredits(cmd, profile.IdentityHolder, func(ctx context.Context, api waybillv1.CreditServiceClient) error {
				return a.transacted(ctx, cmd, api, "account", &waybillv1.CreditOperation{Operation: &waybillv1.CreditOperation_Open{Open: &waybillv1.OpenAccount{}}})
			})
		},
	}
	transfer := &cobra.Command{
		Use: "transfer ACCOUNT AMOUNT", Short: "Pay", Long: "Pay an account out of this organisation's. ACCOUNT=AMOUNT is taken too.",
		Example: "  waybill credits transfer 5f2b…c1 100 --memo 'readings of March'", Args: cobra.RangeArgs(1, 2),
	}
	memo := transfer.Flags().String("memo", "", "for people and books, on the ledger for good")
	transfer.RunE = func(cmd *cobra.Command, args []string) error {
		payments, err := paymentsOf(args)
		if err != nil {
			return err
		}
		if len(payments) != 1 {
			return usage("a transfer pays one account")
		}
		return a.moved(cmd, "transfer", *memo, payments[0].GetAmount(), func(inputs []string, sum, amount uint64, own string) (*waybillv1.CreditOperation, error) {
			outputs := payments
			if sum > amount {
				outputs = append(outputs, &waybillv1.Payment{To: own, Amount: sum - amount})
			}
			return &waybillv1.CreditOperation{Operation: &waybillv1.CreditOperation_Transfer{Transfer: &waybillv1.Transfer{Inputs: inputs, Outputs: outputs}}}, nil
		})
	}
	burn := &cobra.Command{
		Use: "burn AMOUNT", Short: "Destroy credits", Example: "  waybill credits burn 10", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.moves(cmd, "burn", args[0], func(inputs []string, _, amount uint64, _ string) (*waybillv1.CreditOperation, error) {
				return &waybillv1.CreditOperation{Operation: &waybillv1.CreditOperation_Burn{Burn: &waybillv1.BurnNotes{Inputs: inputs, Amount: amount}}}, nil
			})
		},
	}
	bond := &cobra.Command{
		Use: "bond AMOUNT", Short: "Put credits at stake", Example: "  waybill credits bond 100", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.moves(cmd, "bond", args[0], func(inputs []string, _, amount uint64, _ string) (*waybillv1.CreditOperation, error) {
				return &waybillv1.CreditOperation{Operation: &waybillv1.CreditOperation_Bond{Bond: &waybillv1.BondStake{Inputs: inputs, Amount: amount}}}, nil
			})
		},
	}
	unbond := &cobra.Command{
		Use: "unbond AMOUNT", Short: "Begin to take credits out of the stake", Example: "  waybill credits unbond 100", Args: cobra.ExactArgs(1),
		Long: "Begin to take credits out of the stake. They stay at risk until the policy's delay is over; then `waybill credits release` frees the note.",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := amountOf(args[0])
			if err != nil {
				return err
			}
			return a.askCredits(cmd, profile.IdentityHolder, func(ctx context.Context, api waybillv1.CreditServiceClient) error {
				own, err := api.GetCreditAccount(ctx, &waybillv1.GetCreditAccountRequest{})
				if err != nil {
					return err
				}
				stake := own.GetAccount().GetStake().GetNote()
				if stake == "" {
					return refused("nothing is bonded")
				}
				return a.transacted(ctx, cmd, api, "unbond", &waybillv1.CreditOperation{Operation: &waybillv1.CreditOperation_Unbond{Unbond: &waybillv1.UnbondStake{Stake: stake, Amount: n}}})
			})
		},
	}
	release := &cobra.Command{Use: "release NOTE", Short: "Unlock a note", Example: "  waybill credits release 5f2b…c1/0\n  waybill credits release 5f2b…c1/0 --to-payee", Args: cobra.ExactArgs(1)}
	payee := release.Flags().Bool("to-payee", false, "for the payee of an escrow, not for its owner")
	release.RunE = func(cmd *cobra.Command, args []string) error {
		return a.askCredits(cmd, profile.IdentityHolder, func(ctx context.Context, api waybillv1.CreditServiceClient) error {
			return a.transacted(ctx, cmd, api, "release", &waybillv1.CreditOperation{Operation: &waybillv1.CreditOperation_Release{Release: &waybillv1.ReleaseNote{Note: args[0], ToPayee: *payee}}})
		})
	}
	return []*cobra.Command{open, transfer, burn, bond, unbond, release, a.newLockCommand()}
}

func (a *app) newLockCommand() *cobra.Command {
	lock := &cobra.Command{
		Use: "lock AMOUNT", Short: "Lock credits: until a time, or for a payee",
		Long: `Lock credits. Without --payee they are kept until --for is over. With --payee they are in escrow: its owner or the arbiter
lets the payee have them at any time, and so does the recorded outcome of --task; after --for the owner may take them back.`,
		Example: "  waybill credits lock 100 --for 720h\n  waybill credits lock 100 --payee 5f2b…c1 --task market/7 --for 48h", Args: cobra.ExactArgs(1),
	}
	terms := &waybillv1.NoteLock{Purpose: ledger.LockHold.String()}
	flags := lock.Flags()
	flags.StringVar(&terms.Payee, "payee", "", "account that is to have them")
	flags.StringVar(&terms.Arbiter, "arbiter", "", "account that may decide either way")
	flags.StringVar(&terms.Task, "task", "", "task whose outcome decides")
	span := flags.Duration("for", 0, "how long")
	lock.RunE = func(cmd *cobra.Command, args []string) error {
		if *span < 0 {
			return usage("--for is negative")
		}
		if *span > 0 {
			terms.NotBefore = timestamppb.New(time.Now().Add(*span))
		}
		if terms.GetPayee() != "" {
			terms.Purpose = ledger.LockEscrow.String()
		}
		return a.moves(cmd, "lock", args[0], func(inputs []string, _, amount uint64, _ string) (*waybillv1.CreditOperation, error) {
			return &waybillv1.CreditOperation{Operation: &waybillv1.CreditOperation_Lock{Lock: &waybillv1.LockNotes{Inputs: inputs, Amount: amount, Lock: terms}}}, nil
		})
	}
	return lock
}

func (a *app) creditMotions() []*cobra.Command {
	govern := func(cmd *cobra.Command, what string, m *waybillv1.CreditMotion) error {
		return a.askCredits(cmd, profile.IdentitySteward, func(ctx context.Context, api waybillv1.CreditServiceClient) error {
			r, err := api.GovernCredits(ctx, &waybillv1.GovernCreditsRequest{Motions: []*waybillv1.CreditMotion{m}})
			if err != nil {
				return err
			}
			return a.governedResults(cmd, what, r.GetResults())
		})
	}
	mint := &cobra.Command{
		Use: "mint ACCOUNT=AMOUNT…", Short: "Make credits: a vote, or a use of the allowance",
		Long: `Ask for credits to be made. With --serial it is a motion: they are made once more than half of the keepers of the network's
rules have asked for the same, under the same serial. With --use it is that use of this organisation's allowance, counted from 0 in each period. ACCOUNT AMOUNT is taken too.`,
		Example: "  waybill credits mint --serial first-issue 5f2b…c1=1000\n  waybill credits mint --use 0 5f2b…c1=50", Args: cobra.MinimumNArgs(1),
	}
	serial := mint.Flags().String("serial", "", "tells motions apart")
	use := mint.Flags().Uint32("use", 0, "use of the allowance in the present period")
	memo := mint.Flags().String("memo", "", "for people and books, on the ledger for good")
	mint.MarkFlagsMutuallyExclusive("serial", "use")
	mint.MarkFlagsOneRequired("serial", "use")
	mint.RunE = func(cmd *cobra.Command, args []string) error {
		m := &waybillv1.Mint{Serial: *serial, Memo: *memo}
		if cmd.Flags().Changed("use") {
			m.Use = use
		}
		var err error
		if m.Payments, err = paymentsOf(args); err != nil {
			return err
		}
		return govern(cmd, "mint", &waybillv1.CreditMotion{Motion: &waybillv1.CreditMotion_Mint{Mint: m}})
	}
	policy := &cobra.Command{
		Use: "policy FILE", Short: "Vote for a credit policy",
		Long: `Vote for the credit policy of a YAML or JSON file. It comes in force once more than half of the keepers of the network's rules
have voted for the same.

  version: 1
  task_mint: 448              # the most that a task mints: a scoring policy's reward and jackpot
  min_stake: 10
  unbond_delay: 86400s
  allowances:                 # what organisations may mint by themselves
    - {msp_id: ProducerMSP, period: 86400s, uses: 2, amount: 50}`,
		Example: "  waybill credits policy policy.yaml --org carrier", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p := &waybillv1.CreditPolicy{}
			if err := readStated(args[0], cmd.InOrStdin(), p); err != nil {
				return err
			}
			return govern(cmd, "policy", &waybillv1.CreditMotion{Motion: &waybillv1.CreditMotion_Policy{Policy: p}})
		},
	}
	rescue := &cobra.Command{
		Use: "recover ACCOUNT", Short: "Freeze an account of this organisation's whose key is lost", Example: "  waybill credits recover 5f2b…c1 --next 77aa…09", Args: cobra.ExactArgs(1),
	}
	next := rescue.Flags().String("next", "", "binding of the key that may take it over, 64 hexadecimal digits")
	rescue.RunE = func(cmd *cobra.Command, args []string) error {
		return govern(cmd, "recovery", &waybillv1.CreditMotion{Motion: &waybillv1.CreditMotion_Recover{Recover: &waybillv1.RecoverAccount{Account: args[0], Next: *next}}})
	}
	return []*cobra.Command{mint, policy, rescue}
}
