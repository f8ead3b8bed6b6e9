package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/submit"
)

func TestNoWordOfAPeerReachesTheCaller(t *testing.T) {
	cause := status.Error(codes.Unknown, "secret of peer0")
	for _, kind := range []error{
		fabric.ErrUnavailable, fabric.ErrDeadline, fabric.ErrTooMany, fabric.ErrMismatch, fabric.ErrConflict, fabric.ErrInvalidated, fabric.ErrRefused,
		fabric.ErrTooLarge, fabric.ErrDenied, fabric.ErrUnknownOutcome, fabric.ErrNotFound, fabric.ErrClosed, context.Canceled, errors.New("unheard of"),
	} {
		st, own := tell(fmt.Errorf("submitting: %w", &fabric.Error{Op: "submit", Peer: "peer0", Kind: kind, Cause: cause}))
		if strings.Contains(st.Message(), "peer0") || !strings.HasPrefix(st.Message(), "WB_") {
			t.Errorf("%v is told as %q", kind, st.Message())
		}
		if own != strings.Contains(kind.Error(), "unheard") {
			t.Errorf("%v: own fault %v", kind, own)
		}
	}
}

func TestErrorsAreToldByOneTable(t *testing.T) {
	for _, c := range []struct {
		err  error
		grpc codes.Code
		code string
	}{
		{epcis.Faults{{Code: epcis.CodeRequired, Path: "$.type", Message: "is missing"}}, codes.InvalidArgument, "WB_EPCIS_REQUIRED"},
		{epcis.Faults{{Code: epcis.CodeTooManyEvents}}, codes.ResourceExhausted, "WB_TOO_MANY_EVENTS"},
		{fmt.Errorf("%w: device d", readmodel.ErrNotFound), codes.NotFound, "WB_NOT_FOUND"},
		{fmt.Errorf("%w: x", ledger.ErrMalformed), codes.InvalidArgument, "WB_MALFORMED"},
		{fmt.Errorf("asking: %w", context.DeadlineExceeded), codes.DeadlineExceeded, "WB_DEADLINE"},
		{context.Canceled, codes.Canceled, "WB_CANCELLED"},
		{&fabric.Error{Kind: fabric.ErrUnknownOutcome, Cause: context.DeadlineExceeded}, codes.Unavailable, "WB_UNKNOWN_OUTCOME"},
		{&fabric.Error{Kind: fabric.ErrRefused, Code: "WB_CLOCK_SKEW", Text: "set the clock"}, codes.FailedPrecondition, "WB_CLOCK_SKEW"},
		{submit.ErrBusy, codes.ResourceExhausted, "WB_BUSY"},
		{unreadable(ledger.ErrMalformed), codes.Internal, "WB_INTERNAL"},
	} {
		st, _ := tell(c.err)
		wants(t, st.Err(), c.grpc, c.code)
	}
	if st, _ := tell(fmt.Errorf("%w: in block 9", readmodel.ErrNotYet)); strings.Count(st.Message(), "WB_") != 1 {
		t.Errorf("a code is told twice: %s", st.Message())
	}
	if st, own := tell(nil); st.Code() != codes.OK || own {
		t.Errorf("no error is told as %v", st)
	}
}

func FuzzPageToken(f *testing.F) {
	req := func(token string) listRequest { return &waybillv1.ListEventsRequest{PageToken: token} }
	_, scope, err := positionPage(req(""))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(positionToken(scope, readmodel.Position{Block: 3, Index: 1}))
	f.Add(numberToken(scope, 1<<40))
	f.Add("AQ")
	f.Add(positionToken(scope, readmodel.Position{Block: 3, Index: 1})[:1] + "\n" + positionToken(scope, readmodel.Position{Block: 3, Index: 1})[1:])
	f.Fuzz(func(t *testing.T, text string) {
		if p, s, err := positionPage(req(text)); err == nil && p.After != nil && positionToken(s, *p.After) != text {
			t.Errorf("%q is another spelling of %+v", text, p.After)
		}
		_, _, _, _ = numberPage(req(text))
	})
}
