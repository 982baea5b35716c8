// Package seed has nodes pull images ahead: those of gangs that wait for room, on
// the nodes that they will likely get, and, if asked to, those of pods that are
// expected, such as a rollout's.
//
// Which nodes pull what, package image decides; this package says who is going to
// ask for images and where there is or will be room for them (demand.go, room.go),
// and has it done (seeder.go) by one of two actuators: a pod with the images as
// image volumes, of which nothing is executed (pods.go), or an ImagePullJob of
// OpenKruise (pulljobs.go). What a node pulls ahead is a promise in the ledger like
// any other, so that pods are placed where a seed is about to be.
//
// What it is not: it moves no pod, keeps no room, and deletes no image.
//
// Invariants:
//
//   - It makes and deletes objects in one namespace alone, and only those that it
//     labels as its own.
//   - At most so many seeds, and so many bytes, are under way at a time.
//   - Whatever it makes ends by itself, also if nobody is there to collect it.
//   - It does nothing on a standby.
package seed
