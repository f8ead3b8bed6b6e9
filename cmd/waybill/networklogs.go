package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/network"
)

const (
	logPoll = 200 * time.Millisecond
	// tailBytes is how far back the last lines of a log are looked for.
	tailBytes = 1 << 20
)

func newNetworkLogs() *cobra.Command {
	var follow bool
	var lines int
	cmd := &cobra.Command{
		Use:   "logs [PROCESS]",
		Short: "Show what the processes say",
		Long: "Show the last lines of one process's log, or of all. Process names are those of `waybill network status`, and supervisor.\n" +
			"While a network starts, Fabric's nodes log errors until they have met each other; those of later times count.",
		Example: "  waybill network logs\n  waybill network logs peer0.producer --lines 100\n  waybill network logs orderer0 --follow",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if lines < 0 || lines > 100000 {
				return usage("--lines is %d: 0 to 100000", lines)
			}
			return networkLogs(cmd.Context(), cmd.OutOrStdout(), networkDir(cmd), args, lines, follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on as the logs grow, until a signal")
	cmd.Flags().IntVarP(&lines, "lines", "n", 20, "how many lines of each log to begin with")
	return cmd
}

// processLog is one log and how far it has been shown.
type processLog struct {
	name, path string
	offset     int64
}

func networkLogs(ctx context.Context, out io.Writer, dir string, args []string, lines int, follow bool) error {
	files, err := os.ReadDir(filepath.Join(dir, "logs"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fail(exitInternal, codeInternal, "", "%w", err)
	}
	var logs []*processLog
	var names []string
	for _, file := range files {
		name, ok := strings.CutSuffix(file.Name(), ".log")
		if !ok {
			continue
		}
		names = append(names, name)
		if len(args) == 0 || args[0] == name {
			logs = append(logs, &processLog{name: name, path: filepath.Join(dir, "logs", file.Name())})
		}
	}
	if len(names) == 0 {
		return fail(exitRefused, network.ErrState.Error(), "start a network with `waybill network up`", "there are no logs in %s", dir)
	}
	if len(logs) == 0 {
		return fail(exitRefused, network.ErrProcess.Error(), "", "no log of %q; there are %s", args[0], strings.Join(names, ", "))
	}
	prefix := len(logs) > 1
	for _, l := range logs {
		if err := l.tail(out, lines, prefix); err != nil {
			return err
		}
	}
	if !follow {
		return nil
	}
	tick := time.NewTicker(logPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			for _, l := range logs {
				if err := l.more(out, prefix); err != nil {
					return err
				}
			}
		}
	}
}

// tail shows the last lines and remembers where the log ended.
func (l *processLog) tail(out io.Writer, lines int, prefix bool) error {
	f, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	info, err := f.Stat()
	if err != nil {
		return err
	}
	from := max(0, info.Size()-tailBytes)
	raw, err := io.ReadAll(io.NewSectionReader(f, from, info.Size()-from))
	if err != nil {
		return err
	}
	l.offset = info.Size()
	all := slices.Collect(strings.Lines(string(raw)))
	if from > 0 && len(all) > 0 {
		all = all[1:] // cut in its middle
	}
	for _, line := range all[max(0, len(all)-lines):] {
		if err := l.write(out, line, prefix); err != nil {
			return err
		}
	}
	return nil
}

// more shows whole lines that were written since; a log that became shorter is a new one.
func (l *processLog) more(out io.Writer, prefix bool) error {
	f, err := os.Open(l.path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	if info, err := f.Stat(); err == nil && info.Size() < l.offset {
		l.offset = 0
	}
	if _, err := f.Seek(l.offset, io.SeekStart); err != nil {
		return err
	}
	for r := bufio.NewReader(f); ; {
		line, err := r.ReadString('\n')
		if err != nil { // the end of what is written; the rest of the line comes later
			return nil
		}
		l.offset += int64(len(line))
		if err := l.write(out, line, prefix); err != nil {
			return err
		}
	}
}

func (l *processLog) write(out io.Writer, line string, prefix bool) error {
	line = printable(strings.TrimRight(line, "\r\n"))
	if prefix {
		line = l.name + " | " + line
	}
	_, err := fmt.Fprintln(out, line)
	return err
}
