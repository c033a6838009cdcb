/* What the sliders leave of a response: by the server's own rules, so that no new request is needed. */

export const ASKED_PERSON_THRESHOLD = 0.1; // more people are asked for than are shown at first

/* People above the threshold, with the score that the server would give them, the highest first; people who are followed
   from picture to picture stay in the order of their numbers. */
export function shownPeople(response, { person, keypoint }) {
  return (response?.results ?? [])
    .filter((each) => each.bbox_score >= person)
    .map((each) => ({ ...each, score: score(each, keypoint) }))
    .sort((a, b) => (a.track_id ?? 0) - (b.track_id ?? 0) || b.score - a.score);
}

/* The response as if it had been asked for with these thresholds. */
export function shownResponse(response, thresholds) {
  return { ...response, results: shownPeople(response, thresholds) };
}

export function points(person) {
  const triples = [];
  for (let i = 0; i < person.keypoints.length; i += 3) {
    triples.push({ x: person.keypoints[i], y: person.keypoints[i + 1], score: person.keypoints[i + 2] });
  }
  return triples;
}

function score(person, threshold) {
  const counted = points(person).map((point) => point.score).filter((each) => each > threshold);
  const mean = counted.reduce((sum, each) => sum + each, 0) / (counted.length || 1);
  return Math.round(person.bbox_score * mean * 1e6) / 1e6;
}
