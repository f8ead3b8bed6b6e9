package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/network"
)

const networkLong = `A real Hyperledger Fabric network on this machine: peers, orderers and chaincode servers as
plain processes, certificates of their own, no containers. By default three organisations
(producer, carrier, retailer) with a peer each, a fourth member without one (assessor), which reads
and scores through the peers of the others, and one Raft orderer; "--topology bft" has four SmartBFT
orderers; "--topology FILE" takes your own.

Everything lies in <dir>/network; another --dir is another network beside the first.
Fabric's programs are built once, from Go sources, into the user's cache folder; WAYBILL_FABRIC_BIN
names a folder with release programs to use instead.`

const networkExample = `  waybill network up
  waybill network up --topology bft --dir .waybill-bft
  waybill network status
  waybill network logs peer0.producer --follow
  waybill network down

  # a topology of your own
  waybill network topology default > mine.yaml
  waybill network up --topology mine.yaml --dir .waybill-mine`

// networkFlags are the flags of the network commands; the shared ones are the root's.
type networkFlags struct {
	topology   string
	chaincode  string
	foreground bool
}

func newNetworkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "network",
		Short:   "Run a Fabric network on this machine",
		Long:    networkLong,
		Example: networkExample,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newNetworkUp(), newNetworkDown(), newNetworkStatus(), newNetworkLogs(), newNetworkClean(),
		newNetworkIssue(), newNetworkTopology(), newNetworkSupervise(),
	)
	return cmd
}

// networkDir is the network's own folder within the state folder.
func networkDir(cmd *cobra.Command) string {
	dir := ".waybill"
	if f := cmd.Flag("dir"); f != nil {
		dir = f.Value.String()
	}
	return filepath.Join(dir, "network")
}

func boolFlag(cmd *cobra.Command, name string) bool {
	f := cmd.Flag(name)
	return f != nil && f.Value.String() == "true"
}

func (f *networkFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.topology, "topology", "", "of a new network: "+strings.Join(network.TopologyNames(), ", ")+", or a `FILE` (default: what the folder was made with, else default)")
	cmd.Flags().StringVar(&f.chaincode, "chaincode", "", "chaincode server `PROGRAM` (default: waybill-chaincode beside this program, or built from source)")
}

func (f *networkFlags) options(cmd *cobra.Command) (network.Options, error) {
	o := network.Options{Dir: networkDir(cmd), ChaincodeBin: f.chaincode}
	if f.topology != "" {
		t, err := network.LoadTopology(f.topology)
		if err != nil {
			return o, err
		}
		o.Topology = t
	}
	return o, nil
}

func newNetworkUp() *cobra.Command {
	var f networkFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start the network; done when a transaction is endorsed and committed",
		Long: `Start the network and wait until a transaction has been endorsed under the channel's policy and
committed through every peer. A supervisor stays in the background and restarts what ends by
itself; with --foreground it is this command, and Ctrl-C leaves nothing running.
If the network is up already, that is said and nothing is done.`,
		Example: "  waybill network up\n  waybill network up --foreground",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.up(cmd) },
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.foreground, "foreground", false, "supervise here until a signal, then stop everything")
	return cmd
}

func (f *networkFlags) up(cmd *cobra.Command) error {
	o, err := f.options(cmd)
	if err != nil {
		return err
	}
	ctx, stopClock := startContext(cmd)
	defer stopClock()
	show := newNetworkProgress(cmd.ErrOrStderr(), boolFlag(cmd, "quiet"))
	started := time.Now()
	if f.foreground {
		o.Progress = show.report
		o.OnDeath = func(st network.ProcessStatus) {
			fmt.Fprintf(cmd.ErrOrStderr(), "network: %s is %s: %s\n", st.Name, st.State, st.LastExit)
		}
		n, upErr := network.Up(ctx, o)
		show.finish()
		if upErr != nil {
			return upOutcome(cmd, o.Dir, upErr)
		}
		err = sayUp(cmd, o.Dir, time.Since(started))
		if err == nil {
			<-cmd.Context().Done()
		}
		return errors.Join(err, n.Down(context.WithoutCancel(ctx)))
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("WB_INTERNAL: where is this program? %w", err)
	}
	args := []string{"network", "supervise", "--report-to", strconv.Itoa(network.ReportDescriptor), "--dir", filepath.Dir(o.Dir)}
	if f.topology != "" {
		args = append(args, "--topology", f.topology)
	}
	if f.chaincode != "" {
		args = append(args, "--chaincode", f.chaincode)
	}
	err = network.UpDetached(ctx, o.Dir, show.report, self, args...)
	show.finish()
	if err != nil {
		return upOutcome(cmd, o.Dir, err)
	}
	return sayUp(cmd, o.Dir, time.Since(started))
}

// startContext bounds a start by --timeout, where it is given.
func startContext(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	if f := cmd.Flag("timeout"); f != nil {
		if d, err := time.ParseDuration(f.Value.String()); err == nil && d > 0 {
			return context.WithTimeoutCause(cmd.Context(), d, fmt.Errorf("%w: not within --timeout %s", network.ErrNotReady, d))
		}
	}
	return context.WithCancel(cmd.Context())
}

// upOutcome turns "it is up already" into success, unless some process of it is down.
func upOutcome(cmd *cobra.Command, dir string, err error) error {
	if !errors.Is(err, network.ErrAlreadyUp) {
		return networkError(err)
	}
	st, statusErr := network.ReadStatus(dir)
	if statusErr != nil {
		return statusErr
	}
	if boolFlag(cmd, "json") {
		if err := writeStatus(cmd, st); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(cmd.OutOrStdout(), "network %q is already up (supervised by process %d)\n", st.Name, st.Supervisor)
	}
	return unhealthy(st)
}

func sayUp(cmd *cobra.Command, dir string, took time.Duration) error {
	st, err := network.ReadStatus(dir)
	if err != nil {
		return err
	}
	if boolFlag(cmd, "json") {
		return writeStatus(cmd, st)
	}
	if boolFlag(cmd, "quiet") {
		return nil
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "network %q is up after %.1f s: %d processes, channel %s, chaincode %s\nconnection profiles: %s\n",
		st.Name, took.Seconds(), len(st.Processes), st.Channel, st.Chaincode, filepath.Join(st.Dir, "profiles"))
	return err
}

// networkError gives the outcome that another try, or another state of the machine, would mend its own exit code.
func networkError(err error) error {
	if errors.Is(err, context.Canceled) {
		return err // a signal, whatever it interrupted
	}
	const look = "`waybill network logs` shows what the processes say"
	for _, known := range []struct {
		kind error
		hint string
	}{ // an error that is of two kinds is of the first
		{network.ErrPortTaken, "stop the other program, or start this network in another --dir, where it chooses other ports"},
		{network.ErrNotReady, look},
		{network.ErrProcess, look},
		{network.ErrLifecycle, look},
		{network.ErrBusy, ""},
		{network.ErrNotUp, "start it with `waybill network up`"},
		{network.ErrBinaries, ""},
	} {
		if errors.Is(err, known.kind) {
			return fail(exitUnavailable, known.kind.Error(), known.hint, "%w", err)
		}
	}
	return err
}

// sayDone tells what was done, or that there was nothing to do.
func sayDone(cmd *cobra.Command, done bool, text string) error {
	out := cmd.OutOrStdout()
	if boolFlag(cmd, "json") {
		dir, err := filepath.Abs(networkDir(cmd))
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(struct {
			Dir     string `json:"dir"`
			Changed bool   `json:"changed"`
		}{dir, done})
	}
	if boolFlag(cmd, "quiet") {
		return nil
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

func newNetworkDown() *cobra.Command {
	return &cobra.Command{
		Use:     "down",
		Short:   "Stop the network; the ledger stays",
		Example: "  waybill network down",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := network.DownDetached(cmd.Context(), networkDir(cmd))
			switch {
			case errors.Is(err, network.ErrNotUp):
				return sayDone(cmd, false, "no network runs here")
			case err != nil:
				return networkError(err)
			}
			return sayDone(cmd, true, "the network is down")
		},
	}
}

func newNetworkStatus() *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show each process; exit code 3 if any is down",
		Example: "  waybill network status\n  waybill network status --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := network.ReadStatus(networkDir(cmd))
			if err != nil {
				return err
			}
			if err := writeStatus(cmd, st); err != nil {
				return err
			}
			return unhealthy(st)
		},
	}
}

func writeStatus(cmd *cobra.Command, st network.Status) error {
	out := cmd.OutOrStdout()
	if boolFlag(cmd, "json") {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			network.Status
			Healthy bool `json:"healthy"`
		}{st, st.Healthy()})
	}
	state := "down"
	switch {
	case st.Up && st.Ready:
		state = "up since " + st.ReadyAt.Local().Format(time.DateTime)
	case st.Up:
		state = "starting or stopping"
	}
	fmt.Fprintf(out, "network %q (%s, channel %s, chaincode %s) is %s\n", st.Name, st.Consensus, st.Channel, st.Chaincode, state)
	t := newTable(out, "PROCESS", "ROLE", "STATE", "PID", "ADDRESS", "RESTARTS", "LAST EXIT")
	for _, p := range st.Processes {
		pid := ""
		if p.PID != 0 {
			pid = strconv.Itoa(p.PID)
		}
		t.row(p.Name, p.Role, string(p.State), pid, p.Address, strconv.Itoa(p.Restarts), p.LastExit)
	}
	return t.flush()
}

// unhealthy names what is down.
func unhealthy(st network.Status) error {
	if st.Healthy() {
		return nil
	}
	if !st.Up {
		return fail(exitUnavailable, network.ErrNotUp.Error(), "start it with `waybill network up`", "the network in %s is down", st.Dir)
	}
	var names []string
	for _, p := range st.Down() {
		names = append(names, fmt.Sprintf("%s is %s", p.Name, p.State))
	}
	if len(names) == 0 {
		names = []string{"it has not committed a transaction yet"}
	}
	hint := "`waybill network logs PROCESS` shows why"
	if slices.ContainsFunc(st.Down(), func(p network.ProcessStatus) bool { return p.State == network.Failed }) {
		hint += "; what has failed is left alone until `waybill network down` and `up`"
	}
	return fail(exitUnavailable, network.ErrNotReady.Error(), hint, "%s", strings.Join(names, "; "))
}

func newNetworkClean() *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "Remove the ledger, certificates and logs of a network that is down",
		Long: `Remove the ledger, certificates and logs of a network that is down, and what "waybill serve" derived from
that ledger in the same state folder: the read models and checkpoints of the network's organisations.
Servers of them must have ended. Nothing brings the ledger back.`,
		Example: "  waybill network down && waybill network clean",
		Args:    cobra.NoArgs,
		RunE:    networkClean,
	}
}

func networkClean(cmd *cobra.Command, _ []string) error {
	dir := networkDir(cmd)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return sayDone(cmd, false, "there is nothing to remove")
	}
	profiles, err := os.ReadDir(filepath.Dir(network.ProfilePath(dir, "any")))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fail(exitInternal, codeInternal, "", "%w", err)
	}
	serving := filepath.Join(filepath.Dir(dir), "serve")
	var derived, names []string
	for _, file := range profiles {
		name := strings.TrimSuffix(file.Name(), filepath.Ext(file.Name()))
		folder := filepath.Join(serving, name)
		if _, err := os.Stat(folder); err == nil {
			derived, names = append(derived, folder), append(names, name)
		}
	}
	for _, folder := range derived { // held until all is gone: no server starts on it meanwhile
		for _, role := range roles() {
			release, err := lockState(folder, role, "waybill network clean")
			if err != nil {
				return err
			}
			defer release()
		}
	}
	if err := network.Clean(dir); err != nil {
		return networkError(err)
	}
	for _, folder := range derived {
		if err := os.RemoveAll(folder); err != nil {
			return fail(exitInternal, codeInternal, "", "%w", err)
		}
	}
	_ = os.Remove(serving) // only if nothing else is in it
	text := "the network is removed"
	if len(names) > 0 {
		text += ", and what " + strings.Join(names, ", ") + " served from it"
	}
	return sayDone(cmd, true, text)
}

func newNetworkIssue() *cobra.Command {
	var name, notAfter string
	var roles []string
	cmd := &cobra.Command{
		Use:   "issue",
		Short: "Make a further client identity of an organisation",
		Long: `Make a client identity, signed by the organisation's authority of this network, and add it to the
organisation's connection profile. Roles: ` + strings.Join(network.Roles(), ", ") + `; without any it may do nothing that takes one.
--not-after takes a time (RFC 3339) or a duration from now; a past one makes an expired identity.`,
		Example: "  waybill network issue --org carrier --name truck-7 --role gateway\n  waybill network issue --org carrier --name expired --role gateway --not-after -1h",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" {
				return usage("--name is needed")
			}
			until, err := parseNotAfter(notAfter, time.Now())
			if err != nil {
				return err
			}
			org := ""
			if f := cmd.Flag("org"); f != nil {
				org = f.Value.String()
			}
			id, err := network.Issue(cmd.Context(), networkDir(cmd), network.IssueRequest{Organisation: org, Name: name, Roles: roles, NotAfter: until})
			if err != nil {
				return err
			}
			return sayIssued(cmd, org, name, id)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "name of the identity (needed)")
	cmd.Flags().StringSliceVar(&roles, "role", nil, "roles of the identity, parted by commas")
	cmd.Flags().StringVar(&notAfter, "not-after", "", "end of its validity: a time or a duration (default: in five years)")
	return cmd
}

func parseNotAfter(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(d), nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, usage("--not-after %q is neither a time such as 2030-01-31T12:00:00Z nor a duration such as 48h", s)
	}
	return at, nil
}

func sayIssued(cmd *cobra.Command, org, name string, id profile.Identity) error {
	if boolFlag(cmd, "json") {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(struct {
			Organisation string `json:"organisation"`
			Name         string `json:"name"`
			profile.Identity
		}{org, name, id})
	}
	return facts(cmd.OutOrStdout(), "identity", name+" of "+org, "certificate", id.Cert, "key", id.Key)
}

func newNetworkTopology() *cobra.Command {
	return &cobra.Command{
		Use:       "topology [NAME]",
		Short:     "Print a topology to start your own from",
		Example:   "  waybill network topology bft > mine.yaml",
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: network.TopologyNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "default"
			if len(args) > 0 {
				name = args[0]
			}
			raw, err := network.TopologySource(name)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(raw)
			return err
		},
	}
}

// newNetworkSupervise is what `network up` starts in the background.
func newNetworkSupervise() *cobra.Command {
	var f networkFlags
	var reportTo int
	cmd := &cobra.Command{
		Use:    "supervise",
		Short:  "Supervise the network for the command that started this",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.options(cmd)
			if err != nil {
				return err
			}
			if reportTo != network.ReportDescriptor { // any other descriptor would be something else's
				return usage("supervise is started by `waybill network up`")
			}
			return network.Supervise(cmd.Context(), o, cmd.InOrStdin(), os.NewFile(network.ReportDescriptor, "starter"), cmd.ErrOrStderr())
		},
	}
	f.register(cmd)
	cmd.Flags().IntVar(&reportTo, "report-to", 0, "descriptor to report to")
	return cmd
}

// networkProgress shows the steps of a start: a line each, and a bar for Fabric's build.
type networkProgress struct {
	w     io.Writer
	quiet bool
	bar   *progress
	done  int
	last  string
}

func newNetworkProgress(w io.Writer, quiet bool) *networkProgress {
	return &networkProgress{w: w, quiet: quiet}
}

func (p *networkProgress) report(step network.Progress) {
	if p.quiet {
		return
	}
	if step.Total > 0 {
		if p.bar == nil {
			p.bar = newProgress(p.w, false, "building Fabric", int64(step.Total), "packages", "")
		}
		p.bar.add(int64(step.Done - p.done))
		p.done = step.Done
		return
	}
	if step.Stage != "fabric" {
		p.finish()
	}
	if line := step.Stage + ": " + step.Text; p.bar == nil && line != p.last {
		p.last = line
		fmt.Fprintf(p.w, "%s\n", printable(line))
	}
}

func (p *networkProgress) finish() {
	if p.bar != nil {
		p.bar.finish()
		p.bar = nil
	}
}
