// Package contract is the chaincode: thin contractapi adapters over the rules of package ledger.
// Each transaction function decodes, loads, decides, saves and emits, and nothing else. It may
// import ledger, wire and state and Fabric's chaincode libraries.
//
// Every exported method of a contract is a transaction function; a test holds the list.
package contract

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/cid"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-contract-api-go/v2/metadata"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// RoleAttribute is the certificate attribute that names an identity's roles, parted by commas.
const RoleAttribute = "waybill.role"

// fnMetadata describes the contracts; contractapi provides it.
const fnMetadata = contractapi.SystemContractName + ":GetMetadata"

// New makes the chaincode. Its clock is the peer's: a transaction whose time is too far from it is
// refused. Faults of the program itself go to the log.
func New(clock func() time.Time, log *slog.Logger) (shim.Chaincode, error) {
	inner, err := contractapi.NewChaincode(newTraceability(clock), newTelemetry(clock), newScoring(clock), newAnchor(clock), newMasterData(clock),
		newToken(clock), newModel(clock))
	if err != nil {
		return nil, fmt.Errorf("contracts: %w", err)
	}
	inner.TransactionSerializer = verbatim{}
	return &chaincode{inner: inner, log: log}, nil
}

// chaincode guards contractapi: functions are called by their full names with as many arguments as
// they have, every error begins with a code, and no input ends the process.
type chaincode struct {
	inner *contractapi.ContractChaincode
	log   *slog.Logger
}

// arguments tells how many arguments a function has.
func arguments(function string) (int, bool) {
	switch function {
	case wire.FnRecordEvents, wire.FnRegisterDevices, wire.FnRecordSegments, wire.FnSetPolicies, wire.FnRecordVerdicts,
		wire.FnGetEvent, wire.FnGetItem, wire.FnGetDevice, wire.FnGetPolicy, wire.FnAnchorRoots, wire.FnGetAnchorHead,
		wire.FnReview, wire.FnRegisterMaster, wire.FnRecordElements,
		wire.FnTransact, wire.FnGovernCredits, wire.FnGetNote, wire.FnGetCreditAccount, wire.FnGetStake, wire.FnGetCreditPolicy,
		wire.FnGetReceipt, wire.FnGetCreditSums,
		wire.FnStoreChunks, wire.FnSnapshotDatasets, wire.FnSubmitModels, wire.FnEvaluateModels, wire.FnGovernModels,
		wire.FnGetChunk, wire.FnGetDataset, wire.FnGetModel, wire.FnGetAlias, wire.FnGetModelPolicy,
		wire.FnScore, wire.FnGovernScoring, wire.FnGetTask, wire.FnGetScoringPolicy:
		return 1, true
	case wire.FnGetSegment, wire.FnGetAnchor:
		return 2, true
	case wire.FnGetVerdict, wire.FnGetFinding, wire.FnGetMaster, wire.FnGetElement, wire.FnGetEvaluation, wire.FnGetFinal:
		return 3, true
	case fnMetadata, wire.FnGetScorers:
		return 0, true
	}
	return 0, false
}

// Init has nothing to do: the ledger begins empty.
func (c *chaincode) Init(stub shim.ChaincodeStubInterface) *peer.Response {
	if len(stub.GetArgs()) > 0 {
		return failure(fmt.Errorf("%w: there is nothing to initialise", ledger.ErrMalformed))
	}
	return shim.Success(nil)
}

// Invoke runs one transaction function.
func (c *chaincode) Invoke(stub shim.ChaincodeStubInterface) (response *peer.Response) {
	var function string
	defer func() {
		if fault := recover(); fault != nil {
			c.log.Error("a transaction function panicked", "function", function, "tx", stub.GetTxID(), "fault", fault, "stack", string(debug.Stack()))
			response = failure(errors.New("the contract failed; its log tells how"))
		}
	}()
	args := stub.GetArgs()
	if len(args) == 0 {
		return failure(fmt.Errorf("%w: no function is named", ledger.ErrMalformed))
	}
	want, ok := arguments(string(args[0]))
	if !ok {
		return failure(fmt.Errorf("%w: there is no function %.80q", ledger.ErrMalformed, args[0]))
	}
	function = string(args[0])
	if len(args)-1 != want {
		return failure(fmt.Errorf("%w: %s has %d arguments, not %d", ledger.ErrMalformed, function, want, len(args)-1))
	}
	response = c.inner.Invoke(stub)
	if response.GetStatus() >= shim.ERRORTHRESHOLD && !strings.HasPrefix(response.GetMessage(), "WB_") {
		response.Message = ledger.CodeInternal + ": " + response.GetMessage()
	}
	return response
}

func failure(err error) *peer.Response { return shim.Error(coded(err).Error()) }

// textError is an error as it crosses to the peer: its code comes first.
type textError struct{ err error }

func (e textError) Error() string {
	return shortened(ledger.ErrorText(e.err), 4*ledger.MaxAnswerTextBytes)
}

func (e textError) Unwrap() error { return e.err }

func coded(err error) error {
	if err == nil {
		return nil
	}
	return textError{err}
}

// verbatim passes arguments and results through as they are, without contractapi's JSON schemas.
type verbatim struct{}

// FromString gives an argument as bytes or as a string.
func (verbatim) FromString(param string, kind reflect.Type, _ *metadata.ParameterMetadata, _ *metadata.ComponentMetadata) (reflect.Value, error) {
	switch kind {
	case reflect.TypeFor[[]byte]():
		return reflect.ValueOf([]byte(param)), nil
	case reflect.TypeFor[string]():
		return reflect.ValueOf(param), nil
	}
	return reflect.Value{}, fmt.Errorf("%s: parameters are bytes or strings, not %s", ledger.CodeInternal, kind)
}

// ToString gives a result's bytes.
func (verbatim) ToString(value reflect.Value, kind reflect.Type, _ *metadata.ReturnMetadata, _ *metadata.ComponentMetadata) (string, error) {
	switch kind {
	case reflect.TypeFor[[]byte]():
		return string(value.Bytes()), nil
	case reflect.TypeFor[string]():
		return value.String(), nil
	}
	return "", fmt.Errorf("%s: results are bytes or strings, not %s", ledger.CodeInternal, kind)
}

// transaction is what a function that writes works in.
type transaction struct {
	ledger.Tx

	repository *state.Repository
	stub       shim.ChaincodeStubInterface
	summary    wire.Summary
	answers    []wire.Answer
	notes      uint32        // how many the transaction has made
	clock      ledger.Millis // the peer's: it refuses the transaction, and shapes nothing that is recorded
}

// begin opens a transaction for an identity that holds the role.
func begin(ctx contractapi.TransactionContextInterface, clock func() time.Time, role ledger.Role) (*transaction, error) {
	stub := ctx.GetStub()
	actor, err := actorOf(ctx.GetClientIdentity())
	if err != nil {
		return nil, err
	}
	if err = actor.Require(role); err != nil {
		return nil, err
	}
	at, err := stub.GetTxTimestamp()
	if err != nil {
		return nil, fmt.Errorf("%w: the transaction's time: %w", ledger.ErrMalformed, err)
	}
	if err := at.CheckValid(); err != nil {
		return nil, fmt.Errorf("%w: the transaction's time: %w", ledger.ErrMalformed, err)
	}
	tx, now := ledger.Tx{ID: stub.GetTxID(), Time: ledger.MillisOf(at.AsTime()), Actor: actor}, ledger.MillisOf(clock())
	if err := ledger.CheckSkew(tx.Time, now); err != nil {
		return nil, err
	}
	return &transaction{Tx: tx, repository: state.New(stub), stub: stub, clock: now}, nil
}

// actorOf reads who signed the proposal. The peer has checked the certificate against its MSP.
func actorOf(identity cid.ClientIdentity) (ledger.Actor, error) {
	client, ok := identity.(*cid.ClientID)
	if !ok || client == nil {
		return ledger.Actor{}, fmt.Errorf("%w: the submitter's identity is unreadable", ledger.ErrUnauthorised)
	}
	msp, err := client.GetMSPID()
	if err != nil {
		return ledger.Actor{}, fmt.Errorf("%w: %w", ledger.ErrUnauthorised, err)
	}
	certificate, err := client.GetX509Certificate()
	if err != nil || certificate == nil {
		return ledger.Actor{}, fmt.Errorf("%w: the submitter has no X.509 certificate", ledger.ErrUnauthorised)
	}
	roles, _, err := client.GetAttributeValue(RoleAttribute)
	if err != nil {
		return ledger.Actor{}, fmt.Errorf("%w: %w", ledger.ErrUnauthorised, err)
	}
	return ledger.Actor{
		MSPID: msp, Subject: certificate.Subject.CommonName, Key: sha256.Sum256(certificate.RawSubjectPublicKeyInfo),
		Roles: ledger.ParseRoles(roles),
	}, nil
}

// answer appends the answer to the next input.
func (t *transaction) answer(a wire.Answer) { t.answers = append(t.answers, a) }

// refuse answers the next input with a refusal. digest names it as far as it could be read.
func (t *transaction) refuse(err error, digest ledger.Digest) { t.answer(refused(err, digest)) }

func refused(err error, digest ledger.Digest) wire.Answer {
	code := ledger.Code(err)
	message := strings.TrimPrefix(err.Error(), code+": ")
	return wire.Answer{
		Status: ledger.StatusRefused, Code: code, Digest: digest,
		Message: shortened(message, ledger.MaxAnswerTextBytes),
	}
}

// end writes what changed, emits the summary if anything did, and gives the answers.
func (t *transaction) end() ([]byte, error) {
	wrote, err := t.repository.Flush()
	if err != nil {
		return nil, err
	}
	if wrote {
		payload, err := wire.Encode(t.summary)
		if err != nil {
			return nil, err
		}
		if err := t.stub.SetEvent(wire.EventName, payload); err != nil {
			return nil, fmt.Errorf("event: %w", err)
		}
	}
	return wire.Encode(wire.Answers{Answers: t.answers})
}

// shortened cuts a text to a number of bytes, between characters.
func shortened(s string, limit int) string {
	if len(s) <= limit {
		return strings.ToValidUTF8(s, "?")
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// refusal parts an input's own refusals from what ends the transaction: faults of the machinery, and unpunctual times.
func refusal(err error) bool {
	_, late := errors.AsType[unpunctual](err)
	return err != nil && !late && ledger.Code(err) != ledger.CodeInternal
}

// unpunctual says that the transaction's time is too far from the peer's clock. It is no answer to one input: peers whose
// clocks differ would give different answers.
type unpunctual struct{ error }

func (u unpunctual) Unwrap() error { return u.error }

// unique sorts codes and drops repetitions.
func unique(codes []string) []string {
	slices.Sort(codes)
	return slices.Compact(codes)
}
