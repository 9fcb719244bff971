// The next item comes in the answer to what is sent, not in a second request. Its address is then put into the browser's bar, so
// that loading the page again, a bookmark and the way back mean the item.
const NARROW = "(max-width: 1699px)"; // the rail then lies above the work
const named = document.querySelector("[data-address]");

if (named && location.pathname !== named.dataset.address) history.replaceState(null, "", named.dataset.address);
for (const rail of document.querySelectorAll("[data-rail]")) rail.open = !matchMedia(NARROW).matches;
document.addEventListener("formdata", (event) => event.target.closest(".review") && event.formData.set("here", "1"));
