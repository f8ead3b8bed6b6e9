package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/network"
)

// app holds what every command shares: the global flags. Commands are made anew for each run.
type app struct {
	dir      string
	org      string
	profile  string
	identity string
	json     bool
	quiet    bool
	timeout  time.Duration

	dialed  *grpc.ClientConn // a test's connection to the API
	ledger  verifiedLedger   // a test's ledger
	started bool             // a command's own code has begun: errors from here on are not about the command line
}

const rootExample = `  # a network of three companies and an assessor on this machine, and one company's API server
  waybill network up
  waybill serve --org producer

  # record what happened, then ask
  waybill capture shipment.jsonld
  waybill item https://id.gs1.org/01/09521321000018/21/1001
  waybill verdicts watch

  # without any network: check a document, and name its events
  waybill validate shipment.jsonld
  waybill hash shipment.xml`

const rootLong = `Waybill records supply-chain and IoT events on a Hyperledger Fabric ledger, judges every
shipment as its data arrives, and writes each verdict back on chain.

Exit codes:
    0  everything was done
    1  some input was invalid or refused, or what was asked for is not there
    2  the command line is wrong
    3  the network, a peer or the API could not be reached in time
    4  a fault of Waybill or of this machine
  130  ended by a signal

Errors go to standard error as "waybill: CODE: message", CODE being a stable WB_ code; with
--json as one JSON object {"error": {"code", "message", "hint"}}.`

// defaultDir is the state folder if --dir names none.
const defaultDir = ".waybill"

func (a *app) newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:               "waybill",
		Short:             "Supply-chain events and sensor readings on a ledger, with verdicts",
		Long:              rootLong,
		Example:           rootExample,
		Version:           version(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("waybill {{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagFailure(err) })
	flags := root.PersistentFlags()
	flags.StringVar(&a.dir, "dir", defaultDir, "state folder: networks, profiles, read models")
	flags.StringVar(&a.org, "org", "producer", "organisation to act for")
	flags.StringVar(&a.profile, "profile", "", "connection profile `FILE` (default: the organisation's, in the state folder)")
	flags.StringVar(&a.identity, "identity", "", "identity of the profile to act as (default: the one the command needs)")
	flags.BoolVar(&a.json, "json", false, "write JSON to standard output, for programs")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no progress and no summary")
	flags.DurationVar(&a.timeout, "timeout", 0, "give up after this long (default: each command's own)")

	root.AddGroup(&cobra.Group{ID: "run", Title: "Running:"}, &cobra.Group{ID: "write", Title: "Recording:"},
		&cobra.Group{ID: "read", Title: "Asking:"}, &cobra.Group{ID: "local", Title: "Without a network:"})
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("write", a.newCaptureCommand(), a.newDeviceCommand(), a.newReadingsCommand(), a.newPoliciesCommand(), a.newMasterDataCommand(), a.newDatasetCommand(), a.newModelCommand(), a.newCreditsCommand())
	add("read", a.newItemCommand(), a.newEventCommand(), a.newEventsCommand(), a.newTraceCommand(), a.newRecallCommand(), a.newShipmentsCommand(), a.newFindingsCommand(), a.newVerdictsCommand(), a.newScoringCommand(), a.newReportCommand(), a.newProveCommand(), a.newAuditCommand(), a.newRootsCommand(), a.newStatusCommand())
	add("run", a.newDemoCommand(), newNetworkCommand(), a.newServeCommand(), a.newStoreCommand(), a.newBenchCommand())
	add("local", a.newConvertCommand(), a.newHashCommand(), a.newScoreCommand(), a.newTrainCommand(), a.newEvaluateCommand(), a.newPlotCommand(), a.newSimulateCommand(), a.newValidateCommand(), a.newVerifyCommand(), a.newVersionCommand())
	a.markStart(root)
	return root
}

// negative finds an argument that is a number below zero, which the flags' parser takes for a flag.
var negative = regexp.MustCompile(`^unknown shorthand flag: '[0-9.]' in (-[0-9.]+.*)$`)

// negativeFlag finds one that a flag was given, which takes none.
var negativeFlag = regexp.MustCompile(`^invalid argument "(-[0-9]+)" for "([^"]+)" flag: strconv\.ParseUint`)

// flagFailure is the failure of a command line whose flags cannot be read.
func flagFailure(err error) *failure {
	if m := negative.FindStringSubmatch(err.Error()); m != nil {
		return usage("%s is below zero: amounts and counts are whole numbers from 0 on", m[1])
	}
	if m := negativeFlag.FindStringSubmatch(err.Error()); m != nil {
		return usage("%s %s is below zero: it takes whole numbers from 0 on", m[2], m[1])
	}
	if m := unreadable.FindStringSubmatch(err.Error()); m != nil {
		return usage("%s takes no %q: it is %s", m[2], m[1], flagWords(m[3]))
	}
	return usage("%w", err)
}

// unreadable finds the value of a flag that is not of its kind.
var unreadable = regexp.MustCompile(`^invalid argument "(.*)" for "([^"]+)" flag: (strconv\.\w+|time): `)

// flagWords says what a flag takes whose value the parser of that name refuses.
func flagWords(parser string) string {
	switch parser {
	case "strconv.ParseUint":
		return "a whole number from 0 on"
	case "strconv.ParseInt":
		return "a whole number"
	case "strconv.ParseFloat":
		return "a number"
	case "strconv.ParseBool":
		return "true or false"
	default:
		return "a duration, such as 500ms, 10s or 2h"
	}
}

// markStart notes, for each command that runs, the moment its own code begins.
func (a *app) markStart(cmd *cobra.Command) {
	if body := cmd.RunE; body != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			a.started = true
			if a.timeout < 0 {
				return usage("--timeout is negative")
			}
			return body(cmd, args)
		}
	}
	for _, child := range cmd.Commands() {
		a.markStart(child)
	}
}

// loadProfile reads the connection profile that the flags name.
func (a *app) loadProfile() (*profile.Profile, error) {
	path := a.profile
	if path == "" {
		path = network.ProfilePath(filepath.Join(a.dir, "network"), a.org)
	}
	return profile.Load(path)
}

func (a *app) newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  waybill version --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !a.json {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "waybill %s\n", version())
				return err
			}
			return writeJSON(cmd.OutOrStdout(), map[string]string{
				"version": version(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
			})
		},
	}
}

// version is the module's version as the Go toolchain stamped it, or the commit of a checkout.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}

// errFiles is a usage error that several commands share.
var errFiles = errors.New("name at least one file, or - for standard input")

func atLeastOneFile(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errFiles
	}
	return nil
}
