package main

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
)

func TestAListSaysWhatItsDefaultLimitLeavesOut(t *testing.T) {
	broken := errors.New("broken")
	run := func(all int, fails bool, args ...string) (out, errs string, err error) {
		var stdout, stderr bytes.Buffer
		a, l := &app{}, lister{}
		cmd := &cobra.Command{Use: "list", SilenceUsage: true, SilenceErrors: true}
		l.flags(cmd, "notes")
		cmd.SetOut(&stdout)
		cmd.SetErr(&stderr)
		cmd.SetArgs(args)
		cmd.RunE = func(cmd *cobra.Command, _ []string) error {
			t := a.newTable(cmd, "NOTE", "AMOUNT")
			return listed(a, cmd, l.limit, t, func(size uint32, token string) (*waybillv1.ListNotesResponse, int, error) {
				from, _ := strconv.Atoi(token)
				n, next := min(int(size), 60, all-from), ""
				if fails && (from > 0 || all == 0) {
					return nil, 0, broken
				}
				for i := range n {
					t.row(strconv.Itoa(from+i), "1")
				}
				if from+n < all {
					next = strconv.Itoa(from + n)
				}
				return &waybillv1.ListNotesResponse{NextPageToken: next}, n, nil
			})
		}
		err = cmd.Execute()
		return stdout.String(), stderr.String(), err
	}
	for _, c := range []struct {
		all, rows int
		fails     bool
		args      []string
		said      bool
	}{
		{all: 101, rows: 100, said: true},
		{all: 100, rows: 100},
		{all: 101, rows: 101, args: []string{"--limit", "0"}},
		{all: 101, rows: 100, args: []string{"--limit", "100"}},
		{all: 101, rows: 60, fails: true},
		{all: 0, rows: -1, fails: true}, // not even a head
	} {
		out, errs, err := run(c.all, c.fails, c.args...)
		if rows := strings.Count(out, "\n") - 1; rows != c.rows || c.said != strings.Contains(errs, "--limit 0 lists all") || c.fails != errors.Is(err, broken) {
			t.Errorf("%+v: %d rows, %q, %v", c, rows, errs, err)
		}
	}
}
