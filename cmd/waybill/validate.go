package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/epcis"
)

// validation is what validate says of one file.
type validation struct {
	File   string  `json:"file"`
	Valid  bool    `json:"valid"`
	Events int     `json:"events"` // valid ones
	Faults []fault `json:"faults"`
}

func (a *app) newValidateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Check EPCIS documents; exit 0 only if all are valid",
		Long: `Check every event of every document against EPCIS 2.0 and CBV 2.0. Each fault is one line on
standard output: file, path, code and what is wrong. With --json there is one object a file, with
its faults. Exit code 0 means that all are valid, 1 that some are not.`,
		Example: `  waybill validate shipment.jsonld
  waybill validate documents/ || echo "some are invalid"
  waybill validate --json shipment.xml | jq '.faults[]'`,
		Args: atLeastOneFile,
	}
	limits := limitFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		files, err := expand(args, documentSuffixes)
		if err != nil {
			return err
		}
		valid, events, faults := 0, 0, 0
		for _, file := range files {
			v, err := validateFile(cmd, file, *limits)
			if err != nil {
				return err
			}
			if a.json {
				err = writeJSON(cmd.OutOrStdout(), v)
			} else {
				for _, f := range v.Faults {
					if _, err = fmt.Fprintln(cmd.OutOrStdout(), f); err != nil {
						break
					}
				}
			}
			if err != nil {
				return err
			}
			if v.Valid {
				valid++
			}
			events += v.Events
			faults += len(v.Faults)
		}
		if valid < len(files) {
			return refused("%s in %d of %s; %s valid", count(faults, "fault"), len(files)-valid, count(len(files), "document"), count(events, "event"))
		}
		if !a.quiet && !a.json {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s, %s, all valid\n", count(len(files), "document"), count(events, "event"))
		}
		return nil
	}
	return cmd
}

func validateFile(cmd *cobra.Command, file string, limits epcis.Limits) (validation, error) {
	v := validation{File: file, Faults: []fault{}}
	in, err := openInput(file, cmd.InOrStdin())
	if err != nil {
		v.Faults = faultsOf(file, nil, err)
		return v, nil //nolint:nilerr // a file that cannot be read is a fault of that file
	}
	defer in.Close() //nolint:errcheck // read only, nothing to lose
	_, events := documentEvents(in, limits)
	for source, err := range events {
		if err := cmd.Context().Err(); err != nil {
			return v, err
		}
		switch {
		case err != nil:
			v.Faults = append(v.Faults, faultsOf(file, nil, err)...)
		case source.Err != nil:
			v.Faults = append(v.Faults, faultsOf(file, &source.Index, source.Err)...)
		default:
			v.Events++
		}
	}
	v.Valid = len(v.Faults) == 0
	return v, nil
}
