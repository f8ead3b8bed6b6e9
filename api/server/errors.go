package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/waybill-dev/waybill/api/anchor"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/api/report"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// Codes that the API itself gives; the others are those of the ledger, of epcis and of the gateway.
const (
	codeInternal     = ledger.CodeInternal
	codeUnauthorised = ledger.CodeUnauthorised
	codeTooLarge     = ledger.CodeTooLarge
	codeNoCert       = "WB_CERTIFICATE_REQUIRED"
	codeForeign      = "WB_CERTIFICATE_FOREIGN"
	codeExpired      = "WB_CERTIFICATE_EXPIRED"
	codeNotYet       = "WB_CERTIFICATE_NOT_YET_VALID"
	codeArgument     = "WB_ARGUMENT"
	codePageToken    = "WB_PAGE_TOKEN" //nolint:gosec // the name of an error
	codePosition     = "WB_POSITION"
	codeTooMany      = "WB_TOO_MANY_INPUTS"
	codeBusy         = "WB_BUSY"
	codeStopping     = "WB_STOPPING"
	codeSlow         = "WB_SLOW_READER"
	codeDeadline     = "WB_DEADLINE"
	codeCancelled    = "WB_CANCELLED"
)

// errorDomain is the domain of the ErrorInfo that every error carries; its reason is the stable code.
const errorDomain = "waybill.v1"

// problem is an error that the API itself finds, ready for the caller.
type problem struct {
	grpc    codes.Code
	code    string
	message string
}

func (p *problem) Error() string { return p.code + ": " + p.message }

func refuse(grpc codes.Code, code, format string, args ...any) error {
	return &problem{grpc: grpc, code: code, message: fmt.Sprintf(format, args...)}
}

// told says how an error is told to the caller.
type told struct {
	is   error
	grpc codes.Code
	code string
	// whole: the error's own words concern what the caller sent. Otherwise the sentinel's words are
	// all the caller gets, and the log has the rest.
	whole bool
}

// table maps errors to what the caller is told. The first match counts, so that an unknown outcome
// is not taken for the deadline that caused it.
func table() []told {
	return []told{
		{is: fabric.ErrUnknownOutcome, grpc: codes.Unavailable, code: "WB_UNKNOWN_OUTCOME"},
		{is: fabric.ErrTooMany, grpc: codes.ResourceExhausted, code: "WB_TOO_MANY"},
		{is: fabric.ErrTooLarge, grpc: codes.ResourceExhausted, code: codeTooLarge},
		{is: fabric.ErrMismatch, grpc: codes.Unavailable, code: "WB_ENDORSEMENT_MISMATCH"},
		{is: fabric.ErrConflict, grpc: codes.Aborted, code: "WB_READ_CONFLICT"},
		{is: fabric.ErrInvalidated, grpc: codes.Aborted, code: "WB_INVALIDATED"},
		{is: fabric.ErrRefused, grpc: codes.FailedPrecondition, code: "WB_REFUSED"},
		{is: fabric.ErrDenied, grpc: codes.Unavailable, code: "WB_SERVICE_IDENTITY"},
		{is: submit.ErrBusy, grpc: codes.ResourceExhausted, code: codeBusy},
		{is: submit.ErrClosed, grpc: codes.Unavailable, code: codeStopping},
		{is: fabric.ErrClosed, grpc: codes.Unavailable, code: codeStopping},
		{is: context.Canceled, grpc: codes.Canceled, code: codeCancelled},
		{is: context.DeadlineExceeded, grpc: codes.DeadlineExceeded, code: codeDeadline},
		{is: readmodel.ErrUnavailable, grpc: codes.Unavailable, code: "WB_STORE_UNAVAILABLE"},
		{is: fabric.ErrUnavailable, grpc: codes.Unavailable, code: "WB_UNAVAILABLE"},
		{is: fabric.ErrDeadline, grpc: codes.Unavailable, code: codeDeadline},
		{is: fabric.ErrNotFound, grpc: codes.Unavailable, code: "WB_UNAVAILABLE"},
		{is: anchor.ErrNotAnchored, grpc: codes.FailedPrecondition, code: "WB_PROOF_NOT_ANCHORED", whole: true},
		{is: anchor.ErrDisagrees, grpc: codes.FailedPrecondition, code: "WB_ROOT_DISAGREES", whole: true},
		{is: readmodel.ErrNotYet, grpc: codes.FailedPrecondition, code: "WB_PROOF_NOT_YET", whole: true},
		{is: anchor.ErrDamaged, grpc: codes.DataLoss, code: "WB_PROOF_STORE_DAMAGED"},
		{is: report.ErrArgument, grpc: codes.InvalidArgument, code: "WB_REPORT_ARGUMENT", whole: true},
		{is: report.ErrUnknownProduct, grpc: codes.NotFound, code: "WB_REPORT_UNKNOWN_PRODUCT", whole: true},
		{is: report.ErrUnknownLot, grpc: codes.NotFound, code: ledger.CodeNotFound, whole: true},
		{is: report.ErrTooLarge, grpc: codes.ResourceExhausted, code: "WB_REPORT_TOO_LARGE", whole: true},
		{is: ledger.ErrUnknown, grpc: codes.NotFound, code: ledger.CodeNotFound, whole: true},
		{is: ledger.ErrUnauthorised, grpc: codes.PermissionDenied, code: ledger.CodeUnauthorised, whole: true},
		{is: ledger.ErrConflict, grpc: codes.AlreadyExists, code: ledger.CodeConflict, whole: true},
		{is: ledger.ErrTooLarge, grpc: codes.ResourceExhausted, code: ledger.CodeTooLarge, whole: true},
		{is: ledger.ErrMalformed, grpc: codes.InvalidArgument, code: ledger.CodeMalformed, whole: true},
		{is: ledger.ErrSchema, grpc: codes.InvalidArgument, code: ledger.CodeSchema, whole: true},
	}
}

// tell gives the status that the caller gets for an error, and whether the fault is the server's own.
func tell(err error) (st *status.Status, own bool) {
	if err == nil {
		return nil, false
	}
	if p, ok := errors.AsType[*problem](err); ok {
		return withCode(p.grpc, p.code, p.message), p.code == codeInternal
	}
	if f, ok := errors.AsType[epcis.Fault](err); ok {
		grpc := codes.InvalidArgument
		if f.Code == epcis.CodeTooLarge || f.Code == epcis.CodeTooManyEvents {
			grpc = codes.ResourceExhausted
		}
		return withCode(grpc, f.Code, pathed(f)), false
	}
	for _, t := range table() {
		if !errors.Is(err, t.is) {
			continue
		}
		code, message := t.code, plain(t.is)
		switch {
		case t.whole:
			message = strings.TrimPrefix(err.Error(), code+": ")
		case errors.Is(t.is, fabric.ErrRefused):
			if e, ok := errors.AsType[*fabric.Error](err); ok && e.Code != "" {
				code, message = e.Code, e.Text
			}
		}
		return withCode(t.grpc, code, message), false
	}
	// What gRPC itself says to this server, such as that its caller has gone. What a peer has said
	// lies deeper and is not for the caller.
	if said, ok := err.(interface{ GRPCStatus() *status.Status }); ok {
		return said.GRPCStatus(), false
	}
	return withCode(codes.Internal, codeInternal, "the server failed; its log has the cause"), true
}

// plain is a sentinel's text without the stable code that it may begin with.
func plain(err error) string {
	_, text := ledger.ParseCode(err.Error())
	return text
}

func pathed(f epcis.Fault) string {
	if f.Path == "" {
		return f.Message
	}
	return f.Path + ": " + f.Message
}

func withCode(grpc codes.Code, code, message string) *status.Status {
	st := status.New(grpc, code+": "+message)
	if detailed, err := st.WithDetails(&errdetails.ErrorInfo{Reason: code, Domain: errorDomain}); err == nil {
		return detailed
	}
	return st
}

// reason is the stable code that a status carries; empty if it carries none.
func reason(st *status.Status) string {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// final reports whether the answer to an input will be the same however often it is sent again,
// though it came as an error; the code and message are then the refusal's.
func final(err error) (code, message string, ok bool) {
	switch {
	case errors.Is(err, fabric.ErrUnknownOutcome):
		return "", "", false
	case errors.Is(err, fabric.ErrRefused):
		// The transaction was refused as a whole, for its batch or for who sent it: not the input's.
		return "", "", false
	case errors.Is(err, fabric.ErrTooLarge), errors.Is(err, ledger.ErrTooLarge):
		return codeTooLarge, plain(ledger.ErrTooLarge), true
	}
	if f, isFault := errors.AsType[epcis.Fault](err); isFault {
		return f.Code, f.Message, true
	}
	return "", "", false
}
