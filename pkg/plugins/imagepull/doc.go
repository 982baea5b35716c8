// Package imagepull is the plugin ImagePull: it prefers the nodes on which a
// pod's images are ready soonest, and keeps account of what they are about to
// pull.
//
// It translates and no more: images come from pkg/snapshot, bytes and seconds
// from pkg/image. It rejects no node but one whose disk can never hold the images,
// by the word of whoever stated how large it is.
//
// Invariants:
//
//   - If every node has to pull the same, or nothing is known of the images,
//     the plugin takes no part: other plugins decide alone.
//   - Equal pods get equal signatures, so that scores of one may serve another.
//   - What Reserve promises, Unreserve takes back.
package imagepull
