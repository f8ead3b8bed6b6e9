package main

import (
	"github.com/spf13/cobra"
)

// newScoringCommand groups what concerns scoring by several organisations: its reads are here.
func (a *app) newScoringCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "scoring", Short: "Show how several organisations score: tasks, scorers, rewards and final verdicts",
		Long: `Show how several organisations reach final verdicts: tasks with who committed and revealed what, scorers with stakes, rewards, slashes and
reputation, what stands for a window, and the policy that all of it goes by. A task is named by 64 hexadecimal digits, as an account is.`,
		Example: "  waybill scoring scorers\n  waybill scoring tasks --phase provisional",
		Args:    cobra.NoArgs, RunE: groupOnly,
	}
	cmd.AddCommand(a.scoringReads()...)
	return cmd
}

func (a *app) scoringReads() []*cobra.Command { return nil }
