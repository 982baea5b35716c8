// Package gangplan is the plugin GangPlan: it plans a whole gang in the
// scheduling cycle of one member, and sees the plan through to the release of
// its members.
//
// The thinking is in package gang; this package asks it and translates. One
// file per extension point:
//
//   - PreFilter plans, or narrows a planned member to its node;
//   - Filter holds the member to that node, since the framework tries
//     nominated and hinted nodes without minding PreFilter's narrowing;
//   - PostFilter plans anew when the planned node refuses a member, and keeps
//     preemption from evicting pods for a single member;
//   - Reserve and Permit hold the members until enough have a node.
package gangplan
