// The one page of the application.
export default function Page() {
  return <h1>page</h1>;
}
