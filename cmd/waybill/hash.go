package main

import (
	"bufio"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/epcis"
)

func (a *app) newHashCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hash FILE...",
		Short: "Print the CBV 2.0 event hash of each event",
		Long: `Print one ni:///sha-256;… line for each event, in document order: the name under which the
ledger knows it. Documents are EPCIS 2.0 in JSON or XML; - reads standard input, a folder stands
for the documents in it. Nothing else goes to standard output; faults go to standard error, with
file, path and code, and give exit code 1.`,
		Example: `  waybill hash shipment.jsonld
  curl -s https://example.com/events.xml | waybill hash -
  waybill hash --json documents/ | jq -r .hash`,
		Args: atLeastOneFile,
	}
	limits := limitFlags(cmd)
	prehash := cmd.Flags().Bool("prehash", false, "print the text that is hashed instead of the hash")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		files, err := expand(args, documentSuffixes())
		if err != nil {
			return err
		}
		out := bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10)
		faults := 0
		for _, file := range files {
			err := a.hashFile(cmd, out, file, *limits, *prehash, &faults)
			if err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
		if faults > 0 {
			return refused("%s", count(faults, "fault"))
		}
		return nil
	}
	return cmd
}

func (a *app) hashFile(cmd *cobra.Command, out io.Writer, file string, limits epcis.Limits, prehash bool, faults *int) error {
	report := func(event *int, err error) error {
		for _, f := range faultsOf(file, event, err) {
			*faults++
			if err := a.writeFault(cmd.ErrOrStderr(), f); err != nil {
				return err
			}
		}
		return nil
	}
	in, err := openInput(file, cmd.InOrStdin())
	if err != nil {
		return report(nil, err)
	}
	defer in.Close() //nolint:errcheck // read only, nothing to lose
	for source, err := range documentEvents(in, limits) {
		if cmd.Context().Err() != nil {
			return cmd.Context().Err()
		}
		switch {
		case err != nil:
			return report(nil, err)
		case source.Err != nil:
			if err = report(&source.Index, source.Err); err != nil {
				return err
			}
			continue
		}
		text := source.Event.Hash().String()
		if prehash {
			text = source.Event.PreHash()
		}
		if a.json {
			err = writeJSON(out, struct {
				File    string `json:"file"`
				Event   int    `json:"event"`
				Hash    string `json:"hash"`
				Prehash string `json:"prehash,omitempty"`
				EventID string `json:"event_id,omitempty"`
			}{file, source.Index, source.Event.Hash().String(), ifTrue(prehash, text), source.Event.EventID})
		} else {
			_, err = fmt.Fprintln(out, text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *app) writeFault(w io.Writer, f fault) error {
	if a.json {
		return writeJSON(w, f)
	}
	_, err := fmt.Fprintln(w, f)
	return err
}

func ifTrue(cond bool, s string) string {
	if cond {
		return s
	}
	return ""
}

// count writes a number with its noun.
func count[N ~int | ~int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
