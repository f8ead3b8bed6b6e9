package server

import (
	"context"
	"encoding/json"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

type creditService struct {
	*Server
	waybillv1.UnimplementedCreditServiceServer
}

func lockTime(t *timestamppb.Timestamp) ledger.Millis {
	if t == nil {
		return 0
	}
	return ledger.MillisOf(t.AsTime())
}

func lockOf(in *waybillv1.NoteLock) (ledger.Lock, error) {
	lock := ledger.Lock{NotBefore: lockTime(in.GetNotBefore()), Task: in.GetTask()}
	switch in.GetPurpose() {
	case ledger.LockHold.String():
		lock.Purpose = ledger.LockHold
	case ledger.LockEscrow.String():
		lock.Purpose = ledger.LockEscrow
	default:
		return lock, refuse(codes.InvalidArgument, ledger.CodeSchema, "notes are locked as hold or escrow, not %.40q", in.GetPurpose())
	}
	var err error
	if lock.Payee, err = optionalDigest("payee", in.GetPayee()); err == nil {
		lock.Arbiter, err = optionalDigest("arbiter", in.GetArbiter())
	}
	return lock, err
}

func lockText(l *ledger.Lock) *waybillv1.NoteLock {
	if l == nil {
		return nil
	}
	return &waybillv1.NoteLock{Purpose: l.Purpose.String(), NotBefore: since(l.NotBefore), Task: l.Task, Payee: hexOf(l.Payee), Arbiter: hexOf(l.Arbiter)}
}

func paymentsOf(in []*waybillv1.Payment) ([]ledger.Payment, error) {
	out := make([]ledger.Payment, len(in))
	for i, p := range in {
		to, err := digestOf("account", p.GetTo())
		if err != nil {
			return nil, err
		}
		out[i] = ledger.Payment{To: to, Amount: ledger.Credits(p.GetAmount())}
	}
	return out, nil
}

// operationOf reads an operation. What is wrong with it the ledger says.
func operationOf(in *waybillv1.CreditOperation) (op ledger.CreditOperation, err error) {
	op.Memo = in.GetMemo()
	switch o := in.GetOperation().(type) {
	case *waybillv1.CreditOperation_Open:
		op.Open = &ledger.OpenAccount{}
		op.Open.Account, err = optionalDigest("account", o.Open.GetAccount())
	case *waybillv1.CreditOperation_Rotate:
		op.Rotate = &ledger.RotateKey{}
		op.Rotate.Next, err = optionalDigest("next key", o.Rotate.GetNext())
	case *waybillv1.CreditOperation_Transfer:
		op.Transfer = &ledger.Transfer{}
		if op.Transfer.Inputs, err = noteIDs(o.Transfer.GetInputs()); err == nil {
			op.Transfer.Outputs, err = paymentsOf(o.Transfer.GetOutputs())
		}
	case *waybillv1.CreditOperation_Lock:
		op.Lock = &ledger.LockNotes{Amount: ledger.Credits(o.Lock.GetAmount())}
		if op.Lock.Inputs, err = noteIDs(o.Lock.GetInputs()); err == nil {
			op.Lock.Lock, err = lockOf(o.Lock.GetLock())
		}
	case *waybillv1.CreditOperation_Release:
		op.Release = &ledger.ReleaseNote{ToPayee: o.Release.GetToPayee()}
		if op.Release.Note, err = ledger.ParseNoteID(o.Release.GetNote()); err != nil {
			err = bad(err)
		}
	case *waybillv1.CreditOperation_Burn:
		op.Burn = &ledger.BurnNotes{Amount: ledger.Credits(o.Burn.GetAmount())}
		op.Burn.Inputs, err = noteIDs(o.Burn.GetInputs())
	case *waybillv1.CreditOperation_Bond:
		op.Bond = &ledger.BondStake{Amount: ledger.Credits(o.Bond.GetAmount())}
		op.Bond.Inputs, err = noteIDs(o.Bond.GetInputs())
	case *waybillv1.CreditOperation_Unbond:
		op.Unbond = &ledger.UnbondStake{Amount: ledger.Credits(o.Unbond.GetAmount())}
		if op.Unbond.Stake, err = ledger.ParseNoteID(o.Unbond.GetStake()); err != nil {
			err = bad(err)
		}
	}
	return op, err
}

func (s *creditService) Transact(ctx context.Context, req *waybillv1.TransactRequest) (*waybillv1.TransactResponse, error) {
	batch := make([]ledger.CreditOperation, len(req.GetOperations()))
	for i, in := range req.GetOperations() {
		var err error
		if batch[i], err = operationOf(in); err != nil {
			return nil, err
		}
	}
	results, err := put(ctx, s.Server, "credits", batch, s.cfg.Governor.Credits)
	return &waybillv1.TransactResponse{Results: results}, err
}

// motionOf reads a motion. A use of the allowance is of the present period.
func (s *creditService) motionOf(ctx context.Context, in *waybillv1.CreditMotion) (m ledger.CreditMotion, err error) {
	switch o := in.GetMotion().(type) {
	case *waybillv1.CreditMotion_Policy:
		m.Policy = &ledger.CreditPolicy{
			Version: o.Policy.GetVersion(), TaskMint: ledger.Credits(o.Policy.GetTaskMint()), MinStake: ledger.Credits(o.Policy.GetMinStake()),
			UnbondDelay: millis(o.Policy.GetUnbondDelay()),
		}
		for _, a := range o.Policy.GetAllowances() {
			m.Policy.Allowances = append(m.Policy.Allowances, ledger.Allowance{
				MSPID: a.GetMspId(), Period: millis(a.GetPeriod()), Uses: a.GetUses(), Amount: ledger.Credits(a.GetAmount()),
			})
		}
	case *waybillv1.CreditMotion_Mint:
		m.Mint = &ledger.Mint{Serial: o.Mint.GetSerial(), Memo: o.Mint.GetMemo()}
		if m.Mint.Payments, err = paymentsOf(o.Mint.GetPayments()); err == nil && o.Mint.Use != nil {
			m.Mint.Use, err = s.use(ctx, o.Mint.GetUse())
		}
	case *waybillv1.CreditMotion_Recover:
		m.Recover = &ledger.RecoverAccount{}
		if m.Recover.Account, err = digestOf("account", o.Recover.GetAccount()); err == nil {
			m.Recover.Next, err = optionalDigest("next key", o.Recover.GetNext())
		}
	}
	return m, err
}

// use names a use of this organisation's allowance in the present period.
func (s *creditService) use(ctx context.Context, n uint32) (*ledger.AllowanceUse, error) {
	policy, err := lastGoverned[ledger.CreditPolicy](ctx, s.cfg.Books, readmodel.RecordFilter{Kind: wire.KindCreditPolicy})
	if err != nil {
		return nil, err
	}
	if policy != nil {
		for _, a := range policy.Allowances {
			if a.MSPID == s.cfg.About.MSPID {
				return &ledger.AllowanceUse{Policy: policy.Version, Period: uint64(ledger.MillisOf(time.Now()) / a.Period), Use: n}, nil //nolint:gosec // not negative
			}
		}
	}
	return nil, refuse(codes.FailedPrecondition, ledger.CodeAllowance, "%s has no allowance", s.cfg.About.MSPID)
}

func (s *creditService) GovernCredits(ctx context.Context, req *waybillv1.GovernCreditsRequest) (*waybillv1.GovernCreditsResponse, error) {
	batch := make([]ledger.CreditMotion, len(req.GetMotions()))
	for i, in := range req.GetMotions() {
		var err error
		if batch[i], err = s.motionOf(ctx, in); err != nil {
			return nil, err
		}
	}
	results, err := put(ctx, s.Server, "credit motions", batch, s.cfg.Governor.CreditMotions)
	return &waybillv1.GovernCreditsResponse{Results: results}, err
}

// accountOf finds the account that a request names, this organisation's if it names none.
func (s *creditService) accountOf(ctx context.Context, text string) (ledger.CreditAccount, error) {
	f := readmodel.RecordFilter{Kind: wire.KindCreditAccount, ID: text}
	if text == "" {
		f = readmodel.RecordFilter{Kind: wire.KindCreditKey, ID: s.cfg.CreditKey.String()}
	} else if _, err := digestOf("account", text); err != nil {
		return ledger.CreditAccount{}, err
	}
	found, err := lastGoverned[ledger.CreditAccount](ctx, s.cfg.Books, f)
	if err != nil {
		return ledger.CreditAccount{}, err
	}
	if found == nil && text == "" {
		return ledger.CreditAccount{}, refuse(codes.NotFound, ledger.CodeNoAccount, "the organisation has no account that its service's key is bound to; it opens one")
	}
	if found == nil {
		return ledger.CreditAccount{}, refuse(codes.NotFound, ledger.CodeNoAccount, "account %s is not open", text)
	}
	if text == "" {
		return s.accountOf(ctx, found.ID.String()) // as it is now
	}
	return *found, nil
}

func (s *creditService) account(ctx context.Context, a ledger.CreditAccount) (*waybillv1.CreditAccount, error) {
	balance, err := s.cfg.Books.Balance(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	out := &waybillv1.CreditAccount{
		Id: a.ID.String(), MspId: a.MSPID, Subject: a.Subject, Binding: a.Binding.String(), Next: hexOf(a.Next), Frozen: a.Frozen,
		Rotations: a.Rotations, OpenedAt: since(a.OpenedAt), Unspent: uint64(balance.Unspent), Locked: uint64(balance.Locked), Notes: balance.Notes,
	}
	held, err := lastGoverned[ledger.Stake](ctx, s.cfg.Books, readmodel.RecordFilter{Kind: wire.KindStake, ID: a.ID.String()})
	out.Stake = stake(held)
	return out, err
}

func stake(in *ledger.Stake) *waybillv1.Stake {
	if in == nil {
		return nil
	}
	out := &waybillv1.Stake{Bonded: uint64(in.Bonded), Slashed: uint64(in.Slashed), BondedAt: since(in.BondedAt)}
	if in.Note != nil {
		out.Note = in.Note.String()
	}
	for _, u := range in.Unbonding {
		out.Unbonding = append(out.Unbonding, &waybillv1.Unbonding{Note: u.Note.String(), Amount: uint64(u.Amount), FreeAt: since(u.FreeAt)})
	}
	return out
}

func (s *creditService) GetCreditAccount(ctx context.Context, req *waybillv1.GetCreditAccountRequest) (*waybillv1.GetCreditAccountResponse, error) {
	found, err := s.accountOf(ctx, req.GetAccount())
	if err != nil {
		return nil, err
	}
	account, err := s.account(ctx, found)
	return &waybillv1.GetCreditAccountResponse{Account: account}, err
}

func (s *creditService) ListCreditAccounts(ctx context.Context, req *waybillv1.ListCreditAccountsRequest) (*waybillv1.ListCreditAccountsResponse, error) {
	answer := &waybillv1.ListCreditAccountsResponse{}
	next, err := governedPage(ctx, s.cfg.Books, req, readmodel.RecordFilter{Kind: wire.KindCreditAccount, Owner: req.GetMspId()}, func(a ledger.CreditAccount) error {
		account, err := s.account(ctx, a)
		answer.Accounts = append(answer.Accounts, account)
		return err
	})
	answer.NextPageToken = next
	return answer, err
}

func creditNote(n ledger.NamedNote) *waybillv1.CreditNote {
	return &waybillv1.CreditNote{Id: n.ID.String(), Owner: n.Note.Owner.String(), Amount: uint64(n.Note.Amount), Lock: lockText(n.Note.Lock)}
}

func (s *creditService) ListNotes(ctx context.Context, req *waybillv1.ListNotesRequest) (*waybillv1.ListNotesResponse, error) {
	owner, err := s.accountOf(ctx, req.GetAccount())
	if err != nil {
		return nil, err
	}
	limit, scope, place, err := page(req)
	if err != nil {
		return nil, err
	}
	var after ledger.NoteID
	if place != nil && json.Unmarshal(place, &after) != nil {
		return nil, errToken()
	}
	found, err := s.cfg.Books.Notes(ctx, owner.ID, after, limit+1)
	if err != nil {
		return nil, err
	}
	answer := &waybillv1.ListNotesResponse{}
	for i, n := range found {
		if i == limit {
			last, err := json.Marshal(found[i-1].ID)
			if err != nil {
				return nil, err
			}
			answer.NextPageToken = token(scope, last)
			break
		}
		answer.Notes = append(answer.Notes, creditNote(n))
	}
	return answer, nil
}

func creditReceipt(r readmodel.Receipt) *waybillv1.CreditReceipt {
	out := &waybillv1.CreditReceipt{
		Operation: r.Operation.String(), Kind: r.Kind.String(), Account: hexOf(r.Account), MspId: r.MSPID, Minted: uint64(r.Minted), Burned: uint64(r.Burned),
		Memo: r.Memo, Cause: r.Cause, TransactionId: r.TxID, At: since(r.At), Block: r.Block,
	}
	for _, n := range r.Spent {
		out.Spent = append(out.Spent, creditNote(n))
	}
	for _, n := range r.Created {
		out.Created = append(out.Created, creditNote(n))
	}
	return out
}

func (s *creditService) ListReceipts(ctx context.Context, req *waybillv1.ListReceiptsRequest) (*waybillv1.ListReceiptsResponse, error) {
	f := readmodel.ReceiptFilter{}
	var err error
	if f.Account, err = optionalDigest("account", req.GetAccount()); err != nil {
		return nil, err
	}
	if req.GetKind() != "" {
		for k := ledger.CreditOpen; k <= ledger.CreditReward; k++ {
			if k.String() == req.GetKind() {
				f.Kind = k
			}
		}
		if f.Kind == 0 {
			return nil, refuse(codes.InvalidArgument, codeArgument, "there are no receipts of kind %.40q", req.GetKind())
		}
	}
	rows, next, err := listed(ctx, req, req.GetNewest(), listing[readmodel.Receipt, *waybillv1.CreditReceipt]{
		ask: func(ctx context.Context, page readmodel.Page) (readmodel.Rows[readmodel.Receipt], error) {
			return s.cfg.Books.Receipts(ctx, f, page)
		},
		position: func(r readmodel.Receipt) readmodel.Position { return r.Position },
		message:  creditReceipt,
	})
	if err != nil {
		return nil, err
	}
	return &waybillv1.ListReceiptsResponse{Receipts: rows, NextPageToken: next}, nil
}

func (s *creditService) GetCreditSums(ctx context.Context, _ *waybillv1.GetCreditSumsRequest) (*waybillv1.GetCreditSumsResponse, error) {
	sums, at, err := s.cfg.Books.CreditSums(ctx)
	if err != nil {
		return nil, err
	}
	answer := &waybillv1.GetCreditSumsResponse{
		Minted: uint64(sums.Minted), Burned: uint64(sums.Burned), Unspent: uint64(sums.Unspent), Locked: uint64(sums.Locked),
		Balanced: sums.Check() == nil, Height: at.Height,
	}
	policy, err := lastGoverned[ledger.CreditPolicy](ctx, s.cfg.Books, readmodel.RecordFilter{Kind: wire.KindCreditPolicy})
	if err != nil || policy == nil {
		return answer, err
	}
	answer.Policy = &waybillv1.CreditPolicy{
		Version: policy.Version, TaskMint: uint64(policy.TaskMint), MinStake: uint64(policy.MinStake),
		UnbondDelay: durationpb.New(time.Duration(policy.UnbondDelay) * time.Millisecond), Approvals: policy.Approvals, SetAt: since(policy.SetAt), TransactionId: policy.TxID,
	}
	for _, a := range policy.Allowances {
		answer.Policy.Allowances = append(answer.Policy.Allowances, &waybillv1.Allowance{MspId: a.MSPID, Period: duration(a.Period), Uses: a.Uses, Amount: uint64(a.Amount)})
	}
	return answer, nil
}
