package client

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/waybill-dev/waybill/gateway/profile"
)

func detailed(t *testing.T, code codes.Code, reason string) error {
	t.Helper()
	st, err := status.New(code, "in words").WithDetails(&errdetails.ErrorInfo{Reason: reason})
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

func TestErrorsHaveTheirStableCode(t *testing.T) {
	for _, c := range []struct {
		err     error
		code    string
		passing bool
	}{
		{nil, "", false},
		{detailed(t, codes.Unavailable, "WB_UNKNOWN_OUTCOME"), "WB_UNKNOWN_OUTCOME", true},
		{detailed(t, codes.InvalidArgument, "WB_NOT_JSON"), "WB_NOT_JSON", false},
		{status.Error(codes.PermissionDenied, "WB_UNAUTHORISED: not you"), "WB_UNAUTHORISED", false},
		{status.Error(codes.Unavailable, "connection refused"), "WB_UNAVAILABLE", true},
		{status.Error(codes.ResourceExhausted, "grpc: received message larger than max (9 vs. 4)"), "WB_TOO_LARGE", false},
		{status.Error(codes.ResourceExhausted, "something else"), "WB_BUSY", true},
		{status.Error(codes.Aborted, "WB_READ_CONFLICT: another"), "WB_READ_CONFLICT", true},
		{context.DeadlineExceeded, "WB_DEADLINE", false},
		{context.Canceled, "WB_CANCELLED", false},
		{errors.New("anything"), "WB_INTERNAL", false},
	} {
		if got, passing := Code(c.err), Passing(c.err); got != c.code || passing != c.passing {
			t.Errorf("%v: %s, passing %v; want %s, %v", c.err, got, passing, c.code, c.passing)
		}
	}
}

func TestAProfileThatReachesNoAPIIsRefused(t *testing.T) {
	missing := profile.Identity{Cert: "no.pem", Key: "no.pem"}
	for name, p := range map[string]*profile.Profile{
		"no identity": {API: profile.API{Address: "127.0.0.1:1", RootCA: "ca.pem"}},
		"no address":  {Identities: map[string]profile.Identity{"me": missing}},
		"no files":    {Identities: map[string]profile.Identity{"me": missing}, API: profile.API{Address: "127.0.0.1:1", RootCA: "ca.pem"}},
	} {
		if _, err := Dial(p, "me"); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
